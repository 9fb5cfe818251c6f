#!/usr/bin/env python3
"""Makes a clip's frames larger: fatten.py CLIP OUT BYTES. Each gets comments (COM segments) behind its SOI until it is
exactly that long. It stays a valid JPEG of the same picture, and to a network it is what a larger picture would be."""
import struct
import sys

import mjpeg

LARGEST = 65533  # bytes in one segment: its length field counts itself (T.81 B.1.1.4)


def fattened(jpeg, size):
    pieces = [jpeg[:2]]
    more = size - len(jpeg)
    if more < 4:
        raise ValueError(f"a frame of {len(jpeg)} bytes cannot become one of {size}")
    while more:
        length = min(more - 4, LARGEST)
        if 0 < more - 4 - length < 4:  # the rest has to have room for a segment of its own
            length -= 4
        pieces.append(b"\xff\xfe" + struct.pack(">H", length + 2) + bytes(length))
        more -= length + 4
    return b"".join(pieces) + jpeg[2:]


def main():
    clip, out, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with open(out, "wb") as file:
        for jpeg in mjpeg.read(clip):
            file.write(fattened(jpeg, size))


if __name__ == "__main__":
    main()
