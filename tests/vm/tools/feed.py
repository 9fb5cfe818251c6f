#!/usr/bin/env python3
"""Writes a clip's frames into a v4l2loopback device, round and round, until SIGTERM (or --frames N).

One write() is one frame: the reader gets exactly that many bytes (bytesused). At the end it says how late it was.
--whole-buffers makes it a camera that says of each buffer that all of it is used: behind a frame is the rest of those before
it. --twice writes SOI twice.
"""
import argparse
import fcntl
import os
import signal
import struct
import sys
import time

import mjpeg

# <linux/videodev2.h>: _IOWR('V', n, struct)
VIDIOC_S_FMT = 3 << 30 | 208 << 16 | ord("V") << 8 | 5
VIDIOC_S_PARM = 3 << 30 | 204 << 16 | ord("V") << 8 | 22
BUF_TYPE_VIDEO_OUTPUT = 2
FIELD_NONE = 1
COLORSPACE_JPEG = 7

# A reader that starts is given the oldest frame of v4l2loopback's ring (its max_buffers, 4 here) even while it is written
# over, until the ring has gone round: then the newest.
OVERTAKEN = 8


def open_output(path, width, height, fps, largest):
    device = os.open(path, os.O_RDWR)
    fmt = bytearray(208)
    struct.pack_into("I", fmt, 0, BUF_TYPE_VIDEO_OUTPUT)
    struct.pack_into("II4sIIII", fmt, 8, width, height, b"MJPG", FIELD_NONE, 0, largest, COLORSPACE_JPEG)
    fcntl.ioctl(device, VIDIOC_S_FMT, fmt)
    parm = bytearray(204)
    struct.pack_into("IIIII", parm, 0, BUF_TYPE_VIDEO_OUTPUT, 0, 0, 1, fps)
    fcntl.ioctl(device, VIDIOC_S_PARM, parm)
    return device


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("device")
    parser.add_argument("clip")
    parser.add_argument("--fps", type=int, default=30)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--frames", type=int)
    parser.add_argument("--whole-buffers", action="store_true")
    parser.add_argument("--twice", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())

    frames = mjpeg.read(options.clip)
    room = bytearray(max(map(len, frames)) + 2)
    width, height = map(int, options.size.split("x"))
    device = open_output(options.device, width, height, options.fps, len(room))
    began = due = time.monotonic()
    written = late = 0
    latest = 0.0
    try:
        while written != options.frames:
            frame = (b"\xff\xd8" if options.twice else b"") + frames[written % len(frames)]
            room[:len(frame)] = frame
            os.write(device, room if options.whole_buffers else frame)
            written += 1
            if written == OVERTAKEN:
                print(f"feed: {written} frames are written", flush=True)
            due += 1 / options.fps
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
                continue
            late += 1
            latest = max(latest, -wait)
            if wait < -0.5:  # too far behind to catch up: start counting again
                due = time.monotonic()
    finally:
        seconds = time.monotonic() - began
        print(f"feed: {written} frames in {seconds:.1f} s ({written / seconds:.2f} fps), "
              f"{late} late, by {1000 * latest:.0f} ms at most", flush=True)


if __name__ == "__main__":
    main()
