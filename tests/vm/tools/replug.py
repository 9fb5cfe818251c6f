#!/usr/bin/env python3
"""Pulls the USB camera's cable and puts it back, again and again, and watches a recorder's standard output meanwhile.

replug.py PID LINK CLIP ROUNDS RECORDER < frames
PID is camcast's, LINK the camera's by-id link, RECORDER the pid of `camrec --every -o - --format mjpeg`, whose MJPEG is the
standard input and which is ended after the last round. In each round it
waits for frames, unplugs, waits for the link to go and for camcast to let the node go, plugs, and measures from the moment at
which the link can be opened to the arrival of the next frame. In every fifth round the old node is held open by this tool, so
that the camera comes back under another number. Every frame must be one of the clip's. Prints the times and camcast's
descriptors and memory; exit status 1 if a frame takes longer than a second, or if either grows. What is made once when it is first
needed, such as the tables of the erasure code, is no growth: the two largest steps of memory do not count.
"""
import os
import select
import signal
import statistics
import sys
import time

import mjpeg

CONTROL = "/run/uvccam.ctl"
PATIENCE = 30
BETWEEN = 10  # frames before the next round
LIMIT = 1.0  # seconds


class Frames:
    """The recorder's output, frame by frame, each compared with the clip."""

    def __init__(self, clip):
        self.clip = set(clip)
        self.rest = b""
        self.count = self.strangers = 0

    def read(self, seconds):
        """True if at least one more frame has come whole within this many seconds."""
        before, end = self.count, time.monotonic() + seconds
        while self.count == before:
            left = end - time.monotonic()
            if left <= 0 or not select.select([0], [], [], left)[0]:
                return False
            piece = os.read(0, 1 << 20)
            if not piece:
                sys.exit("replug: the recorder has ended")
            self._take(piece)
        return True

    def _take(self, piece):
        self.rest += piece
        while (end := self.rest.find(b"\xff\xd9\xff\xd8")) >= 0:
            self._check(self.rest[:end + 2])
            self.rest = self.rest[end + 2:]
        # camrec writes whole frames: the last is whole if it is one of the clip's
        if self.rest in self.clip:
            self._check(self.rest)
            self.rest = b""

    def _check(self, frame):
        self.count += 1
        self.strangers += frame not in self.clip


def command(word):
    with open(CONTROL, "w") as control:
        control.write(word + "\n")


def wait_until(what, condition, step=0.01):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"replug: no {what} in {PATIENCE} s")
        time.sleep(step)


def opens(path):
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
        return True
    except OSError:
        return False


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def holds_camera(pid):
    """Whether the process has a video node open, unplugged or not."""
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            if "/dev/video" in os.readlink(f"/proc/{pid}/fd/{fd}"):
                return True
        except OSError:
            pass
    return False


def main():
    pid, link, clip = sys.argv[1], sys.argv[2], mjpeg.read(sys.argv[3])
    rounds, recorder = int(sys.argv[4]), int(sys.argv[5])
    frames, waits, nodes, sizes = Frames(clip), [], set(), {}
    for number in range(1, rounds + 1):
        wanted = frames.count + BETWEEN
        while frames.count < wanted:
            if not frames.read(PATIENCE):
                sys.exit(f"replug: round {number}: no frame in {PATIENCE} s")
        nodes.add(os.path.realpath(link))
        held = os.open(link, os.O_RDWR | os.O_NONBLOCK) if number % 5 == 0 else None
        command("unplug")
        wait_until("end of the link", lambda: not os.path.exists(link))
        wait_until("end of camcast's hold on the camera", lambda: not holds_camera(pid))
        while frames.read(0.2):  # what was still under way
            pass
        command("plug")
        wait_until("link", lambda: opens(link))
        openable = time.monotonic()
        if not frames.read(PATIENCE):
            sys.exit(f"replug: round {number}: the camera is back, but no frame in {PATIENCE} s")
        waits.append(time.monotonic() - openable)
        if held is not None:
            os.close(held)
        sizes[number] = (descriptors(pid), resident(pid))
        if number % 10 == 0:
            print(f"replug: round {number}, {waits[-1]:.2f} s", flush=True)
    os.kill(recorder, signal.SIGTERM)
    while os.read(0, 1 << 20):
        pass
    early = min(5, rounds)
    (fds, kib), (last_fds, last_kib) = sizes[early], sizes[rounds]
    waits.sort()
    print(f"replug: {rounds} rounds, nodes {' '.join(sorted(nodes))}; from openable to the first frame: median "
          f"{statistics.median(waits):.2f} s, longest {waits[-1]:.2f} s")
    print(f"replug: camcast after round {early}: {fds} descriptors, {kib} KiB; after {rounds}: {last_fds}, {last_kib} KiB")
    print(f"replug: {frames.count} frames, {frames.strangers} of them not the clip's")
    wrong = []
    if waits[-1] > LIMIT:
        wrong.append(f"longer than {LIMIT} s")
    looks = [sizes[number][1] for number in range(early, rounds + 1, early)]
    # of a viewer that first asks for parity: the code's tables, and then the encoder's own memory
    once = sum(sorted((max(after - before, 0) for before, after in zip(looks, looks[1:])), reverse=True)[:2])
    if last_fds > fds or last_kib - once > kib + 1024:
        wrong.append(f"camcast grows: {looks} KiB")
    if frames.strangers:
        wrong.append("frames that the camera did not send")
    if len(nodes) < 2 and rounds >= 6:
        wrong.append("the camera never came back under another number")
    for line in wrong:
        print("replug: WRONG:", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
