#!/usr/bin/env python3
"""Counts the system calls in a trace of `strace -f -s 0` and divides them by the frames.

syscalls.py TRACE CLIP --frames SENT. Fails if a frame took more than ceil(bytes / 22784) + 2 sends: one for each burst of 16
datagrams, and some for liveness.
"""
import argparse
import collections
import re
import sys

import mjpeg

CALL = re.compile(r"^\d+ +(?P<name>\w+)\((?:\d+, (?P<request>VIDIOC_\w+))?")  # not "<... resumed>", not a signal
SENDS = ("sendmsg", "sendto", "sendmmsg", "send", "writev")
BURST = 16 * 1424  # bytes of a frame in one burst: src/sender/pacer.rs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trace")
    parser.add_argument("clip")
    parser.add_argument("--frames", type=int, required=True, help="how many were sent")
    options = parser.parse_args()

    calls = collections.Counter()
    captured = 0
    with open(options.trace) as trace:
        for line in trace:
            if match := CALL.match(line):
                calls[match["request"] or match["name"]] += 1
                captured += match["request"] == "VIDIOC_DQBUF" and line.rstrip().endswith("= 0")
    if not captured:
        sys.exit("syscalls: no frame was captured in this trace")
    print(f"syscalls: {captured} frames captured, {options.frames} of them sent")
    for name, count in calls.most_common():
        print(f"{count:8} {count / captured:8.2f} a frame  {name}")

    sends = sum(calls[name] for name in SENDS) / options.frames
    allowed = -(-max(map(len, mjpeg.read(options.clip))) // BURST) + 2
    print(f"syscalls: {sends:.2f} sends a frame, {allowed} allowed")
    return 0 if 0 < sends <= allowed else 1


if __name__ == "__main__":
    sys.exit(main())
