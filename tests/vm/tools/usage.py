#!/usr/bin/env python3
"""What a process costs while nothing happens: CPU time and wake-ups of all its threads.

usage.py PID SECONDS [--most PERCENT] [--wakes COUNT]
Watches it for so long, and prints the share of one CPU and the wake-ups a second (voluntary context switches). Exit
status 1 if the share is more than PERCENT or the wake-ups are more than COUNT. What a wake-up costs depends on the
machine, and much more on one that is emulated: COUNT is what a program is held to, PERCENT is for one that spins.
"""
import argparse
import os
import sys
import time


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wake_ups(pid):
    count = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as status:
            count += next(int(line.split()[1]) for line in status if line.startswith("voluntary"))
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pid", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--most", type=float, default=100, help="percent of one CPU")
    parser.add_argument("--wakes", type=float, default=1e9, help="wake-ups a second")
    options = parser.parse_args()
    began, cpu, wakes = time.monotonic(), cpu_seconds(options.pid), wake_ups(options.pid)
    time.sleep(options.seconds)
    took = time.monotonic() - began
    share = 100 * (cpu_seconds(options.pid) - cpu) / took
    woken = (wake_ups(options.pid) - wakes) / took
    print(f"usage: {share:.2f} % of one CPU, {woken:.1f} wake-ups a second, over {took:.0f} s")
    return 1 if share > options.most or woken > options.wakes else 0


if __name__ == "__main__":
    sys.exit(main())
