//! What a recording holds, as another's demuxer reads it.

use matroska_demuxer::{Frame, MatroskaFile};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// 2001-01-01, which Matroska's dates count from, in seconds since 1970 (RFC 9559, DateUTC).
const MATROSKA_EPOCH: i64 = 978_307_200;

pub struct RecordingReader {
    pub path: PathBuf,
    /// When its first frame was captured, in nanoseconds since 1970.
    pub started: i64,
    pub shots: Vec<Shot>,
    /// Its length in microseconds, if it says so.
    pub duration: Option<f64>,
    /// Its head says how long the file is: it has been closed, not cut off.
    pub is_finished: bool,
}

/// A frame.
pub struct Shot {
    /// Microseconds since the first frame.
    pub micros: u64,
    pub jpeg: Vec<u8>,
}

impl RecordingReader {
    #[track_caller]
    pub fn read(path: &Path) -> Self {
        let mut file = MatroskaFile::open(File::open(path).unwrap()).unwrap();
        assert_eq!(file.info().timestamp_scale().get(), 1000, "times are microseconds");
        let started = file.info().date_utc().unwrap() + MATROSKA_EPOCH * 1_000_000_000;
        let duration = file.info().duration();
        let mut shots = Vec::new();
        let mut frame = Frame::default();
        // what was cut off in its middle is no frame
        while file.next_frame(&mut frame).unwrap_or(false) {
            shots.push(Shot { micros: frame.timestamp, jpeg: frame.data.clone() });
        }
        RecordingReader { path: path.to_owned(), started, shots, duration, is_finished: is_finished(path) }
    }

    /// All recordings of a folder, in the order of their first frames; nothing but them and sidecars may be there.
    #[track_caller]
    pub fn read_folder(folder: &Path) -> Vec<Self> {
        let mut films: Vec<RecordingReader> =
            files(folder).iter().map(|path| RecordingReader::read(path)).collect();
        films.sort_by_key(|film| film.started);
        films
    }

    /// The frames' times of capture, in microseconds since 1970.
    pub fn times(&self) -> impl Iterator<Item = i64> {
        self.shots.iter().map(|shot| self.started / 1000 + shot.micros as i64)
    }

    /// Each frame is later than the one before.
    #[track_caller]
    pub fn assert_times_rise(&self) {
        let rise = self.shots.windows(2).all(|two| two[0].micros < two[1].micros);
        assert!(rise, "{}: {:?}", self.path.display(), self.times().collect::<Vec<_>>());
    }
}

/// The files below a folder that are no sidecars.
#[track_caller]
pub fn files(folder: &Path) -> Vec<PathBuf> {
    list(folder, |path| !is_sidecar(path))
}

/// The sidecars below a folder.
#[track_caller]
pub fn sidecars(folder: &Path) -> Vec<PathBuf> {
    list(folder, is_sidecar)
}

fn is_sidecar(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}

/// Below the folder, those in folders included; what is hidden is camrec's own.
#[track_caller]
fn list(folder: &Path, is_wanted: impl Fn(&Path) -> bool + Copy) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let shown = entries.filter(|path| !path.file_name().unwrap().as_encoded_bytes().starts_with(b"."));
    let mut files: Vec<PathBuf> = shown
        .flat_map(|path| if path.is_dir() { list(&path, is_wanted) } else { vec![path] })
        .filter(|path| is_wanted(path))
        .collect();
    files.sort();
    files
}

/// The Segment's size is patched in when the file is closed; until then all its bits are set: unknown.
fn is_finished(path: &Path) -> bool {
    let bytes = fs::read(path).unwrap();
    let segment = bytes.windows(4).position(|id| id == [0x18, 0x53, 0x80, 0x67]).unwrap();
    let size = &bytes[segment + 4..segment + 12];
    assert_eq!(size[0], 1, "a size of eight bytes");
    let size = size[1..].iter().fold(0, |size, byte| size << 8 | u64::from(*byte));
    if size == (1 << 56) - 1 {
        return false;
    }
    assert_eq!(size as usize, bytes.len() - segment - 12, "the Segment ends with the file");
    true
}

/// How many frames ffprobe finds; it may not complain.
#[track_caller]
pub fn ffprobe_count(path: &Path) -> usize {
    let shown =
        ["-v", "warning", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0"];
    let output = Command::new("ffprobe").args(shown).arg(path).output();
    let output =
        output.unwrap_or_else(|why| panic!("ffprobe: {why}: this test needs it: apt install ffmpeg"));
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{}: {complaints}", path.display());
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}
