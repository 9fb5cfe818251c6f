#!/bin/bash
# A network in the guest, for jobs about bad paths. Sourced after steps.sh: . /host/tools/net.sh
#
#     cam 10.0.1.1, c0 ===== to_cam, router, to_NAME ===== d0, NAME 10.0.N.1
#
# camcast is in the namespace cam, each camrec in one of its own, and what makes a path bad is a qdisc of the router's
# to_NAME (towards camrec) or of NAME's d0 (towards camcast). Trains of datagrams are cut in front of c0's wire, as a real
# network card does: the router queues and drops single packets.
# shellcheck disable=SC2034 # the jobs use the variables

CAM=10.0.1.1

# inside NAMESPACE COMMAND...: the shell's child becomes the command, so $! is its pid.
inside() {
    local name=$1
    shift
    exec ip netns exec "$name" "$@"
}

# network NAME...: the namespaces cam and router, and one for each name; 10.0.2.1 is the first, 10.0.3.1 the second.
network() {
    local name subnet=1
    modprobe -a veth sch_netem || fail "modprobe veth sch_netem"
    namespace router
    (inside router sysctl -qw net.ipv4.ip_forward=1) || fail "forwarding"
    link cam c0 1
    ip -n cam link set c0 gso_max_segs 1 || fail "gso_max_segs on c0"
    for name in "$@"; do
        subnet=$((subnet + 1))
        link "$name" d0 $subnet
    done
}

namespace() {
    { ip netns add "$1" && ip -n "$1" link set lo up; } || fail "network namespace $1"
}

# link NAMESPACE DEVICE SUBNET: a namespace with a link to the router.
link() {
    namespace "$1"
    { ip -n "$1" link add "$2" type veth peer name "to_$1" netns router &&
        ip -n "$1" address add "10.0.$3.1/24" dev "$2" && ip -n router address add "10.0.$3.254/24" dev "to_$1" &&
        ip -n "$1" link set "$2" up && ip -n router link set "to_$1" up &&
        ip -n "$1" route add default via "10.0.$3.254"; } || fail "link of $1"
}

# path NAMESPACE DEVICE NETEM...: what the device does to what it sends.
path() {
    local name=$1 device=$2
    shift 2
    ip netns exec "$name" tc qdisc add dev "$device" root netem "$@" || fail "tc on $device: netem $*"
}

# queue NAMESPACE DEVICE: its qdisc's counters, as "packets bytes drops".
queue() {
    ip netns exec "$1" tc -s -j qdisc show dev "$2" root |
        python3 -c 'import json, sys; q = json.load(sys.stdin)[0]; print(q["packets"], q["bytes"], q["drops"])'
}

queue_is_empty() {
    ip netns exec "$1" tc -s qdisc show dev "$2" root | grep -q 'backlog 0b 0p'
}

# cast_far SOURCE...: camcast in cam, ready for viewers, and it knows its source's rate; CAMCAST is its pid.
cast_far() {
    (inside cam camcast "$@" --listen "$CAM:9999" --listen 127.0.0.1:9999) 2>/tmp/camcast.log &
    CAMCAST=$!
    listening
    (inside cam timeout 60 camrec 127.0.0.1 -o - --format mjpeg --frames 10) 2>/tmp/first.log >/dev/null ||
        fail "no frames on camcast's own machine"
}

# record_far NAMESPACE FRAMES: camrec there takes that many into /tmp/rec, and says that nothing is missing.
record_far() {
    rm -rf /tmp/rec
    (inside "$1" timeout 150 camrec "$CAM" -o /tmp/rec --every --frames "$2") >/tmp/camrec.log 2>&1 ||
        fail "camrec ended with status $?"
    tail -n 5 /tmp/camrec.log
}
