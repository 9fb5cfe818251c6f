#!/bin/bash
# A line that has room for the video, with a queue of 64 KB that has none for a whole frame: what pacing loses there is at most a
# twentieth of what sending at once does. On an idle machine it is nothing; a guest that is held up sends late, and then more
# at once than the queue holds.
# Frames of 250 KB at 10 a second (20 Mbit/s) on 33.3 Mbit/s: a third of 60 Mbit/s on 100, which is more than an emulated guest
# carries evenly. The round trip of 40 ms is all on the way back: it tells both ends the same, and leaves nothing but the
# queue between camcast and the wire.
# shellcheck source=/dev/null
. /host/tools/steps.sh
# shellcheck source=/dev/null
. /host/tools/net.sh
use_binaries
fps=10 frame=250000 line=33333kbit
packets=43 # of 1494 bytes: 64 KB
CLIP=/tmp/large.mjpeg
python3 /host/tools/fatten.py /tmp/clip.mjpeg "$CLIP" $frame || fail "no clip"

network rec
path router to_rec rate $line limit $packets
path rec d0 delay 40ms limit 1000

# The queue does drop what is not paced.
ip netns exec cam python3 /host/tools/flood.py 10.0.2.1 5000 $frame
wait_for 20 "end of the flood" queue_is_empty router to_rec
read -r _ _ flood <<<"$(queue router to_rec)"
at_once=$(((frame + 1451) / 1452))
echo "a frame sent at once: $flood of $at_once packets dropped"
[ "$flood" -gt 0 ] || fail "the queue holds a whole frame"

cast_far "$CLIP" -f $fps
read -r packets_before bytes_before drops_before <<<"$(queue router to_rec)"
record_far rec $((20 * fps))
verify $((20 * fps)) /tmp/rec/*/*.mkv
read -r packets bytes drops <<<"$(queue router to_rec)"
packets=$((packets - packets_before)) bytes=$((bytes - bytes_before)) drops=$((drops - drops_before))
echo "paced: $drops of $packets packets dropped, of $((bytes / packets)) bytes each"
[ $((bytes / packets)) -le 1514 ] || fail "trains reach the queue uncut"
grep 'left:.*every' /tmp/camcast.log
[ $((drops * at_once * 20)) -le $((flood * packets)) ] || fail "pacing does not keep a stream out of the queue"
stop "$CAMCAST" camcast
