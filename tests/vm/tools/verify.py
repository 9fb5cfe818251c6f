#!/usr/bin/env python3
"""Compares recorded frames with the clip that the camera played, byte for byte.

verify.py CLIP RECORDING... [--frames N] [--gaps N] [--drops]
The recordings (.mkv segments in order, or concatenated JPEGs as v4l2-ctl --stream-to writes them) must hold the clip's
frames in its order, round and round, starting anywhere, none left out, none twice, none changed. Exit status 0 if so.
With --gaps the camera was away or had faults at up to this many places: frames may be left out there, but none is changed.
With --drops the camera or its driver may have dropped frames: the recordings' sidecars have to name as many such places, with
as many frames each, and no others.
"""
import argparse
import collections
import json
import pathlib
import statistics
import sys

import mjpeg

# Element ids: RFC 9559, section 5.
SEGMENT, CLUSTER, INFO, BLOCK_GROUP = 0x18538067, 0x1F43B675, 0x1549A966, 0xA0
TIMESTAMP_SCALE, CLUSTER_TIMESTAMP, SIMPLE_BLOCK, BLOCK, DATE = 0x2AD7B1, 0xE7, 0xA3, 0xA1, 0x4461
ENTERED = {SEGMENT, CLUSTER, INFO, BLOCK_GROUP}

Frame = collections.namedtuple("Frame", "bytes seconds")
Difference = collections.namedtuple("Difference", "text left_out")  # None where it is not that frames are left out


def variable_int(data, at, keep_marker):
    """An EBML variable-size integer (RFC 8794, section 4) at `at`: (value, the offset after it)."""
    length = 9 - data[at].bit_length()
    value = int.from_bytes(data[at:at + length], "big")
    if not keep_marker:
        value &= (1 << 7 * length) - 1
    return value, at + length


def matroska_frames(data):
    """The blocks' payloads with their times, counted from DateUTC's zero if the file has a date. A master of interest is entered by walking on behind its header, so its
    own size, known or unknown, is never needed."""
    at = 0
    scale, cluster_ticks, date = 1_000_000, 0, 0
    while at < len(data):
        element, at = variable_int(data, at, keep_marker=True)
        size, at = variable_int(data, at, keep_marker=False)
        if element in ENTERED:
            continue
        body = data[at:at + size]
        if len(body) < size:
            raise ValueError(f"element {element:x} at {at} is cut short")
        at += size
        if element == TIMESTAMP_SCALE:
            scale = int.from_bytes(body, "big")
        elif element == DATE:
            date = int.from_bytes(body, "big", signed=True)
        elif element == CLUSTER_TIMESTAMP:
            cluster_ticks = int.from_bytes(body, "big")
        elif element in (SIMPLE_BLOCK, BLOCK):
            _, after_track = variable_int(body, 0, keep_marker=False)
            ticks = cluster_ticks + int.from_bytes(body[after_track:after_track + 2], "big", signed=True)
            yield Frame(body[after_track + 3:], (date + ticks * scale) / 1e9)


def recorded_frames(path):
    with open(path, "rb") as file:
        data = file.read()
    if data[:4] == b"\x1aE\xdf\xa3":  # EBML
        return list(matroska_frames(data))
    return [Frame(jpeg, None) for jpeg in mjpeg.split(data)]


def differences(frames, clip):
    """A Difference for each place where the recording is not the clip's next frame."""
    number = {jpeg: index for index, jpeg in enumerate(clip)}
    expected = None
    for position, frame in enumerate(frames):
        index = number.get(frame.bytes)
        if index is None:
            yield Difference(f"frame {position}: its {len(frame.bytes)} bytes are no frame of the clip" + nearest(
                frame.bytes, clip, expected), None)
        elif expected is not None and index != expected:
            missing = (index - expected) % len(clip)
            yield Difference(
                f"frame {position}: frame {index} of the clip instead of {expected} (left out: {missing})", missing)
        if index is None:
            expected = None if expected is None else (expected + 1) % len(clip)
        else:
            expected = (index + 1) % len(clip)


def nearest(jpeg, clip, expected):
    if expected is None:
        return ""
    wanted = clip[expected]
    same = next((i for i, (a, b) in enumerate(zip(jpeg, wanted)) if a != b), min(len(jpeg), len(wanted)))
    return f"; frame {expected} has {len(wanted)} and differs from byte {same} on"


def unexplained(wrong, drops):
    """The differences that are no drop of the camera, and one for each drop that left nothing out."""
    drops = collections.Counter(drops)
    for difference in wrong:
        if drops[difference.left_out]:
            drops[difference.left_out] -= 1
        else:
            yield difference
    for count in drops.elements():
        yield Difference(f"a sidecar says that the camera dropped {count} frames, but they are there", None)


def camera_drops(recordings, clip):
    """How many frames the camera dropped, place by place, as the sidecars have it: docs/json.md, "Sidecars"."""
    for recording in recordings:
        sidecar = pathlib.Path(recording).with_suffix(".json")
        if sidecar.exists():
            for dropped in json.loads(sidecar.read_text())["camera_drop_ranges"]:
                yield dropped["count"] % len(clip)


def timing(frames, clip, gaps):
    """Prints the rate; complains of pauses, if there should be none, that could hide a whole round of the clip."""
    times = [frame.seconds for frame in frames]
    if None in times or len(times) < 2:
        return []
    steps = [after - before for before, after in zip(times, times[1:])]
    print(f"verify: {len(steps) / (times[-1] - times[0]):.2f} fps, "
          f"steps of {1000 * min(steps):.1f} to {1000 * max(steps):.1f} ms")
    if min(steps) <= 0:
        return ["the times do not rise"]
    if not gaps and max(steps) > statistics.median(steps) * len(clip) / 2:
        return [f"a pause of {max(steps):.1f} s"]
    return []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip")
    parser.add_argument("recordings", nargs="+")
    parser.add_argument("--frames", type=int, help="how many there must be")
    parser.add_argument("--gaps", type=int, default=0, help="how often frames may be left out")
    parser.add_argument("--drops", action="store_true", help="the sidecars name what the camera dropped")
    options = parser.parse_args()
    clip = mjpeg.read(options.clip)
    if len(set(clip)) != len(clip):
        sys.exit("verify: the clip's frames are not distinct")
    frames = []
    for path in options.recordings:
        try:
            frames += recorded_frames(path)
        except (ValueError, IndexError) as error:
            sys.exit(f"verify: {path} is damaged: {error}")
    wrong = list(differences(frames, clip))
    first = next((clip.index(frame.bytes) for frame in frames if frame.bytes in clip), None)
    print(f"verify: {len(frames)} frames, the first is the clip's {first}, {len(wrong)} differences")
    if options.drops:
        wrong = list(unexplained(wrong, camera_drops(options.recordings, clip)))
    gaps = [difference for difference in wrong if difference.left_out]
    if len(gaps) <= options.gaps:
        wrong = [difference for difference in wrong if not difference.left_out]
    wrong = [difference.text for difference in wrong]
    wrong += timing(frames, clip, options.gaps)
    if not frames or options.frames not in (None, len(frames)):
        wrong.append(f"{len(frames)} frames instead of {options.frames}")
    for line in wrong[:20]:
        print("verify:", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
