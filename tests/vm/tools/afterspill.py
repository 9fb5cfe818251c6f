#!/usr/bin/env python3
"""afterspill.py disk LOG FOLDER: what a power cut has left of the frames that camcast kept for a recorder.
afterspill.py recording CLIP FOLDER FIRST LAST: what the recorder has in the end.

LOG is what the guest has said until the cut, FOLDER the folder of --spill as its disk has it, with the file system's journal
replayed and nothing else done. Prints the number of the last frame there is, the frames, and the seconds lost; fails unless the frames
follow each other and end a second and a bit before the end.
FOLDER is the recording: up to a file's end it has to hold the frames FIRST to LAST of the stream before the cut, and behind that those
of the next stream, all of them the clip's, in its order, each byte as it was.
"""
import pathlib
import struct
import sys
import zlib

import mjpeg
import verify

HEAD, RECORD = 64, 48  # bytes: src/spill/format.rs
JOINT = 0.25  # seconds
LOSS = 2.0  # seconds: one until it is brought to the disk, and what a slow guest takes for that


def fail(why):
    sys.exit(f"FAIL: {why}")


def sealed(data):
    return len(data) > 4 and zlib.crc32(data[:-4]) == struct.unpack(">I", data[-4:])[0]


def records(data):
    """Number and capture time, in seconds, of each whole frame."""
    at = HEAD
    while sealed(record := data[at:at + RECORD]) and record.startswith(b"FRM1"):
        number, captured = struct.unpack_from(">IQ", record, 4)
        length, check = struct.unpack_from(">II", record, 28)
        jpeg = data[at + RECORD:at + RECORD + length]
        if zlib.crc32(jpeg) != check:
            return
        yield number, captured / 1e9
        at += RECORD + length


def disk(log, folder):
    lines = pathlib.Path(log).read_bytes().decode(errors="replace").splitlines()[:-1]  # the last may be torn
    alive = [float(line.split()[1]) for line in lines if line.startswith("alive ")]
    found = []
    for path in sorted(pathlib.Path(folder).glob("camcast-spill-*.frames")):
        data = path.read_bytes()
        if sealed(data[:HEAD]):
            found += records(data)
    numbers = [number for number, _ in found]
    if not numbers or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        fail(f"frames do not follow each other: {numbers}")
    lost = alive[-1] - found[-1][1]
    print(f"{numbers[-1]} {len(numbers)} {lost:.2f}")
    if lost > LOSS:
        fail(f"{lost:.2f} s lost")


def recording(clip, folder, first, last):
    clip, files = mjpeg.read(clip), sorted(pathlib.Path(folder).rglob("*.mkv"))
    frames, ends = [], []
    for path in files:
        frames += verify.recorded_frames(path)
        ends.append(len(frames))
    old = int(last) + 1 - int(first)
    if old not in ends[:-1]:
        fail(f"frames {first} to {last} were on the disk or before it, and the files end behind {ends} frames")
    for part in (frames[:old], frames[old:]):
        for difference in verify.differences(part, clip):
            fail(difference.text)
    begins = [0, *ends[:-1]]
    for begin, end in zip(begins, ends):
        times = [frame.seconds for frame in frames[begin:end]]
        if times != sorted(times):
            fail(f"the times do not rise in the file that begins with frame {begin}: {times}")
        # each file's zero is known as well as the network and a busy machine let it be known
        back = frames[begin - 1].seconds - times[0] if begin else 0
        if back > JOINT:
            fail(f"frame {begin}, with which a file begins, is {back:.3f} s before the one before it")
    print(f"{len(files)} files: {old} frames of the stream before the cut, {len(frames) - old} of the one behind it, each byte as it was")


{"disk": disk, "recording": recording}[sys.argv[1]](*sys.argv[2:])
