#!/usr/bin/env python3
"""aftercut.py LOG FOLDER CAMREC: what a power cut has left of a recording.

LOG is what the guest has said until then, FOLDER the recording as its disk has it, with the file system's journal replayed and
nothing else done. Everything that camrec had said to be finished has to be sound; what was open has to be readable by ffmpeg and
mkvmerge (and by mpv and OpenCV, where there are), and to end a second before the end at most. Prints a line; fails if it is not so.
"""

import datetime
import json
import pathlib
import shutil
import subprocess
import sys

LOSS = 1.0  # seconds


def fail(why):
    sys.exit(f"FAIL: {why}")


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, errors="replace")


def check(camrec, path):
    """camrec's own report."""
    return json.loads(run(camrec, "check", "--json", path).stdout)


def ended(report):
    start = datetime.datetime.fromisoformat(report["start"])
    return start.timestamp() + report["duration_ms"] / 1000


def play(path, report):
    """Every reader reads and seeks it; their names."""
    half = report["duration_ms"] / 2000
    counted = run("ffprobe", "-v", "fatal", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", path)
    if counted.stdout.split() != [str(report["frames"])]:
        fail(f"ffprobe finds {counted.stdout.split()} frames in {path}, not {report['frames']}: {counted.stderr}")
    sought = run("ffmpeg", "-v", "fatal", "-ss", half, "-i", path, "-frames:v", "1", "-f", "mjpeg", "-")
    if sought.returncode != 0 or not sought.stdout:
        fail(f"ffmpeg does not seek in {path}: {sought.stderr}")
    merged = run("mkvmerge", "-q", "-o", path.with_suffix(".merged"), path)
    if merged.returncode == 2:
        fail(f"mkvmerge: {merged.stdout}")
    path.with_suffix(".merged").unlink()
    readers = ["ffmpeg", "mkvmerge"]
    if shutil.which("mpv"):
        played = run("mpv", "--no-config", "--vo=null", "--no-audio", "--untimed", f"--start={half}", "--frames=1", path)
        if played.returncode != 0:
            fail(f"mpv does not play {path}: {played.stdout}")
        readers.append("mpv")
    try:
        import cv2
    except ImportError:
        return readers
    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    frames = 0
    while video.read()[0]:
        frames += 1
    video.set(cv2.CAP_PROP_POS_MSEC, half * 1000)
    if frames != report["frames"] or not video.read()[0]:
        fail(f"OpenCV reads {frames} frames of {path}, not {report['frames']}, or does not seek")
    return readers + ["OpenCV"]


def main():
    log, folder, camrec = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    lines = log.read_bytes().decode(errors="replace").splitlines()[:-1]  # the last may be torn
    alive = [float(line.split()[1]) for line in lines if line.startswith("alive ")]
    events = [json.loads(line) for line in lines if line.startswith("{")]
    local = lambda event: folder / pathlib.Path(event["path"]).relative_to("/mnt/disk")
    begun = [local(event) for event in events if event["event"] == "segment-begun"]
    finished = {local(event): event for event in events if event["event"] == "segment-finished"}
    for path, event in finished.items():
        report = check(camrec, path)
        if not report["sound"] or report["frames"] != event["frames"]:
            fail(f"{path} was finished, with {event['frames']} frames: {report}")
    reports = [check(camrec, path) for path in begun if path.exists()]
    reports = [report for report in reports if report.get("frames")]
    if not reports:
        fail("nothing was recorded")
    last, readers = reports[-1], ["no file was open"]
    lost = alive[-1] - ended(last)
    if not last["finished"]:
        if last["bad_frames_in_all"]:
            fail(f"bad frames in {last}")
        readers = play(pathlib.Path(last["path"]), last)
    frames = sum(report["frames"] for report in reports)
    print(f"{frames} frames, {len(finished)} files finished, {lost:.2f} s lost, "
          f"{last['damaged_bytes']} bytes torn; read by {', '.join(readers)}")
    if lost > LOSS:
        fail(f"{lost:.2f} s lost")


main()
