#!/usr/bin/env python3
"""Looks whether recorded frames are pictures.

decodes.py RECORDING... --frames N --size WxH
The recordings must hold N JPEGs of that size, from SOI to EOI, not all the same, whose times rise. With a djpeg or ffmpeg on
the machine each is decoded as well. Exit status 0 if so.
"""
import argparse
import shutil
import subprocess
import sys

import mjpeg
import verify


def decode(jpeg):
    """What a decoder says of it; None if there is nothing to say, or no decoder."""
    if djpeg := shutil.which("djpeg"):
        command = [djpeg]
    elif ffmpeg := shutil.which("ffmpeg"):
        command = [ffmpeg, "-v", "error", "-f", "mjpeg", "-i", "-", "-f", "null", "-"]
    else:
        return None
    done = subprocess.run(command, input=jpeg, capture_output=True, check=False)
    return (done.stderr.decode() or f"status {done.returncode}") if done.stderr or done.returncode else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("recordings", nargs="+")
    parser.add_argument("--frames", type=int, required=True)
    parser.add_argument("--size", required=True)
    options = parser.parse_args()
    size = tuple(int(side) for side in options.size.split("x"))
    frames = [frame for path in options.recordings for frame in verify.recorded_frames(path)]
    if len(frames) != options.frames:
        sys.exit(f"{len(frames)} frames instead of {options.frames}")
    for number, frame in enumerate(frames):
        jpeg = bytes(frame.bytes)
        if not (jpeg.startswith(b"\xff\xd8") and jpeg.endswith(b"\xff\xd9")):
            sys.exit(f"frame {number} is no whole JPEG")
        seen = mjpeg.geometry(jpeg)
        if seen[:2] != size:
            sys.exit(f"frame {number} has {seen[0]}x{seen[1]} pixels")
        if error := decode(jpeg):
            sys.exit(f"frame {number} does not decode: {error}")
    if len({bytes(frame.bytes) for frame in frames}) < len(frames) // 2:
        sys.exit("most frames are the same picture")
    times = [frame.seconds for frame in frames]
    if any(a >= b for a, b in zip(times, times[1:])):
        sys.exit("times do not rise")
    print(f"{len(frames)} frames of {options.size}, sampling {mjpeg.geometry(bytes(frames[0].bytes))[2]}, "
          f"{len(frames[0].bytes)} bytes the first, {(len(times) - 1) / (times[-1] - times[0]):.1f} fps")


if __name__ == "__main__":
    main()
