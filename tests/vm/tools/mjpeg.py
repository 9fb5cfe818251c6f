#!/usr/bin/env python3
"""A clip: JPEGs one after another in a file.

As a program: mjpeg.py CLIP says what the clip holds, and fails unless its frames are all distinct 4:2:2 JPEGs as UVC
cameras write them (sampling 2x1, 1x1, 1x1).
"""
import struct
import sys

START_AND_END = b"\xff\xd9\xff\xd8"  # EOI, SOI: cannot occur inside entropy-coded data, where 0xFF is stuffed


def split(data):
    """The clip's frames, a list of bytes."""
    frames = []
    start = 0
    while (end := data.find(START_AND_END, start)) >= 0:
        frames.append(data[start:end + 2])
        start = end + 2
    return frames + [data[start:]]


def read(path):
    with open(path, "rb") as file:
        return split(file.read())


def geometry(jpeg):
    """(width, height, sampling as "2x1,1x1,1x1") from the frame header; ValueError if there is none."""
    at = 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF:
        marker, length = jpeg[at + 1], struct.unpack_from(">H", jpeg, at + 2)[0]
        if marker in (0xC0, 0xC1, 0xC2):  # SOF: T.81 B.2.2
            _, height, width, count = struct.unpack_from(">BHHB", jpeg, at + 4)
            factors = [jpeg[at + 11 + 3 * i] for i in range(count)]
            return width, height, ",".join(f"{f >> 4}x{f & 15}" for f in factors)
        at += 2 + length
    raise ValueError("no frame header")


def main():
    frames = read(sys.argv[1])
    sizes = sorted(map(len, frames))
    kinds = {geometry(frame) for frame in frames}
    distinct = len(set(frames))
    for width, height, sampling in kinds:
        print(f"clip: {len(frames)} frames ({distinct} distinct) of {width}x{height} {sampling}, "
              f"{sizes[0]} to {sizes[-1]} bytes")
    whole = all(frame[:2] == b"\xff\xd8" and frame[-2:] == b"\xff\xd9" for frame in frames)
    as_uvc = len(kinds) == 1 and next(iter(kinds))[2] == "2x1,1x1,1x1"
    return 0 if whole and as_uvc and distinct == len(frames) else 1


if __name__ == "__main__":
    sys.exit(main())
