#!/usr/bin/env python3
"""Says how even a recording is, and how late it came.

intervals.py RECORDING [--typescript FILE] [--fps LEAST] [--longest MS]
Prints the frames, their rate, and the 50th and 99th percentile of the time between them, by the file's times; of camrec's
status lines, as script(1) has kept them, the same percentiles of the delay. Fails if the rate is less, or the longest time
between two frames more, than asked for.
"""
import argparse
import re
import sys

import verify


def percentile(values, percent):
    return sorted(values)[min(len(values) * percent // 100, len(values) - 1)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording")
    parser.add_argument("--typescript")
    parser.add_argument("--fps", type=float, default=0)
    parser.add_argument("--longest", type=float, default=float("inf"))
    options = parser.parse_args()
    times = [frame.seconds for frame in verify.recorded_frames(options.recording)]
    if len(times) < 2:
        sys.exit(f"intervals: {len(times)} frames")
    steps = [1000 * (after - before) for before, after in zip(times, times[1:])]
    fps = len(steps) / (times[-1] - times[0])
    p50, p99 = percentile(steps, 50), percentile(steps, 99)
    line = f"intervals: {len(times)} frames, {fps:.2f} fps, p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {max(steps):.0f} ms"
    if options.typescript:
        with open(options.typescript, errors="replace") as script:
            delays = [int(delay) for delay in re.findall(r"delay (\d+) ms", script.read())]
        if not delays:
            sys.exit("intervals: no status line tells a delay")
        line += f"; delay p50 {percentile(delays, 50)} ms, p99 {percentile(delays, 99)} ms"
    print(line)
    if fps < options.fps:
        sys.exit(f"intervals: fewer than {options.fps} fps")
    if max(steps) > options.longest:
        sys.exit(f"intervals: one of {max(steps):.0f} ms, more than {options.longest:.0f}")


if __name__ == "__main__":
    main()
