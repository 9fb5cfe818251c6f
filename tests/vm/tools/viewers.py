#!/usr/bin/env python3
"""Viewers of a multipart stream on this machine, and what each frame that reaches one costs the server.

viewers.py PID PORT COUNT SECONDS: COUNT viewers look at http://127.0.0.1:PORT/stream. From when all have had a frame it counts
frames and the CPU time of process PID for so long, and prints "frames, CPU seconds, microseconds a frame".
"""
import os
import selectors
import socket
import sys
import time

MARK = b"\r\nContent-Length: "


class Viewer:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.sendall(b"GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        self.end = b""  # of what came last: a mark may be cut there
        self.frames = 0

    def read(self, room):
        count = self.socket.recv_into(room)
        if count == 0:
            sys.exit("viewers: the server has closed a connection")
        data = self.end + room[:count]
        self.frames += data.count(MARK)
        self.end = data[-len(MARK) + 1:]


def cpu_seconds(pid):
    """Of all threads, as the scheduler has it: ticks miss what sleeps and wakes with them."""
    nanoseconds = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as schedstat:
            nanoseconds += int(schedstat.read().split()[0])
    return nanoseconds / 1e9


def main():
    pid, port, count, seconds = map(int, sys.argv[1:])
    viewers = [Viewer(port) for _ in range(count)]
    selector = selectors.DefaultSelector()
    for viewer in viewers:
        selector.register(viewer.socket, selectors.EVENT_READ, viewer)
    room = bytearray(1 << 18)

    def read_until(is_over):
        while not is_over():
            for key, _ in selector.select(1):
                key.data.read(room)

    patience = time.monotonic() + 60
    read_until(lambda: all(viewer.frames > 1 for viewer in viewers) or time.monotonic() > patience)
    frames, cpu, end = sum(viewer.frames for viewer in viewers), cpu_seconds(pid), time.monotonic() + seconds
    read_until(lambda: time.monotonic() > end)
    frames, cpu = sum(viewer.frames for viewer in viewers) - frames, cpu_seconds(pid) - cpu
    if frames < count:
        sys.exit(f"viewers: {frames} frames in {seconds} s")
    print(f"{frames} {cpu:.2f} {cpu * 1e6 / frames:.0f}")


if __name__ == "__main__":
    main()
