//! Files of MJPEG, played in a loop as if they came from a camera.

use std::fs::{self, File};
use std::io::{self, Seek};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::intake::Intake;
use super::metronome::Metronome;
use super::{Description, Fault, Lease, OpenError, Rate};
use crate::jpeg::Size;
use crate::time::Time;

/// Files in a folder are played if their names end so, in any case.
const ENDINGS: [&str; 4] = ["jpg", "jpeg", "mjpg", "mjpeg"];

/// The most files that a folder's replay takes: the list of their names is kept in memory.
const FILES: usize = 100_000;

/// A file, or the files of a folder in the order of their names, from the first again after the last.
pub struct Replay {
    path: PathBuf,
    /// Never empty.
    files: Vec<PathBuf>,
    /// Which of them is open.
    current: usize,
    file: File,
    intake: Intake,
    /// The frame found while opening, until it is taken.
    ready: Option<Range<usize>>,
    metronome: Metronome,
    sequence: u32,
    description: Description,
}

impl Replay {
    /// Plays the file at `path`: one JPEG, or many after each other.
    ///
    /// # Errors
    /// [`OpenError::Unreadable`], or [`OpenError::NoFrames`] if there is no JPEG in its first 16 MiB.
    pub fn file(path: &Path, size: Option<Size>, rate: Rate) -> Result<Self, OpenError> {
        Replay::start(path, vec![path.into()], size, rate)
    }

    /// Plays the folder's `.jpg`, `.jpeg`, `.mjpg` and `.mjpeg` files in the order of their names.
    ///
    /// # Errors
    /// [`OpenError::Unreadable`], or [`OpenError::NoFrames`] if there is no such file, or no JPEG in them.
    pub fn folder(path: &Path, size: Option<Size>, rate: Rate) -> Result<Self, OpenError> {
        let files = listing(path).map_err(|error| unreadable(path, &error))?;
        if files.len() > FILES {
            let why = format!("more than {FILES} files; join them first: cat *.jpg > clip.mjpeg");
            return Err(OpenError::Unreadable { path: path.into(), why });
        }
        Replay::start(path, files, size, rate)
    }

    fn start(path: &Path, files: Vec<PathBuf>, size: Option<Size>, rate: Rate) -> Result<Self, OpenError> {
        let Some(first) = files.first() else { return Err(OpenError::NoFrames { path: path.into() }) };
        let file = File::open(first).map_err(|error| unreadable(first, &error))?;
        let mut replay = Replay {
            path: path.into(),
            files,
            current: 0,
            file,
            intake: Intake::new(),
            ready: None,
            metronome: Metronome::new(rate),
            sequence: 0,
            description: description(path, size, rate),
        };
        replay.ready = Some(replay.next_frame().map_err(at_start)?);
        Ok(replay)
    }

    /// When the next frame is due.
    pub fn due(&self) -> Time {
        self.metronome.due()
    }

    /// The next frame, if it is due. No frame of the file is skipped, however late the call.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] or [`Fault::NotMjpeg`] if a file has changed under way.
    pub fn grab(&mut self, now: Time) -> Result<Option<Lease<'_>>, Fault> {
        if self.metronome.each(now).is_none() {
            return Ok(None);
        }
        let place = match self.ready.take() {
            Some(place) => place,
            None => self.next_frame()?,
        };
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        Ok(Some(Lease::of_bytes(self.intake.frame(place), now, sequence)))
    }

    /// The file or folder, and the rate at which it is played.
    pub fn describe(&self) -> &Description {
        &self.description
    }

    fn next_frame(&mut self) -> Result<Range<usize>, Fault> {
        let mut ended = 0;
        loop {
            if let Some(place) = self.intake.next_frame() {
                return Ok(place);
            }
            let count = self.intake.fill(&mut self.file).map_err(|error| self.fault(&error))?;
            if count == 0 {
                ended += 1;
                self.turn_over()?;
            }
            // One more than there are: the first to end may have been left in its middle.
            if ended > self.files.len() || self.intake.hopeless() {
                return Err(Fault::NotMjpeg { path: self.path.clone() });
            }
        }
    }

    /// Goes on with the next file. One alone stays open, so that playing it allocates nothing.
    fn turn_over(&mut self) -> Result<(), Fault> {
        self.intake.restart();
        self.current = (self.current + 1) % self.files.len();
        match self.files.get(self.current) {
            Some(path) if self.files.len() > 1 => {
                self.file = File::open(path).map_err(|error| self.fault(&error))?;
            }
            _ => self.file.rewind().map_err(|error| self.fault(&error))?,
        }
        Ok(())
    }

    fn fault(&self, error: &io::Error) -> Fault {
        let path = self.files.get(self.current).unwrap_or(&self.path).clone();
        Fault::Unreadable { path, why: error.to_string() }
    }
}

fn listing(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)?.take(2 * FILES) {
        let path = entry?.path();
        if is_jpeg(&path) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn is_jpeg(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending))
}

fn unreadable(path: &Path, error: &io::Error) -> OpenError {
    OpenError::Unreadable { path: path.into(), why: error.to_string() }
}

/// What a fault means when not one frame has been found yet.
fn at_start(fault: Fault) -> OpenError {
    match fault {
        Fault::NotMjpeg { path } => OpenError::NoFrames { path },
        Fault::Unreadable { path, why } => OpenError::Unreadable { path, why },
        other => OpenError::Invalid { what: other.to_string() },
    }
}

fn description(path: &Path, size: Option<Size>, rate: Rate) -> Description {
    let note = size.map(|size| format!("asked for {size}, but files are played in the size that they have"));
    Description {
        name: "replay".into(),
        driver: "built in".into(),
        path: path.display().to_string(),
        format: "MJPG".into(),
        size: None,
        rate: Some(rate),
        buffers: 0,
        notes: note.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn jpeg(mark: &str) -> Vec<u8> {
        [&b"\xff\xd8\xff\xda\0\x02"[..], mark.as_bytes(), b"\xff\xd9"].concat()
    }

    /// What the next `count` frames hold, taken when they are due.
    fn marks(replay: &mut Replay, count: u32) -> Vec<String> {
        let mut now = Time::from_millis(1000);
        let mut marks = Vec::new();
        for sequence in 0..count {
            now = now.max(replay.due());
            let lease = replay.grab(now).unwrap().unwrap();
            assert_eq!((lease.stamp.sequence, lease.stamp.captured), (sequence, now));
            marks.push(String::from_utf8_lossy(&lease[6..lease.len() - 2]).into_owned());
        }
        marks
    }

    #[test]
    fn a_file_is_played_in_a_loop() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mjpeg");
        fs::write(&path, [jpeg("a"), jpeg("b"), b"cut \xff\xd8\xff\xda\0\x02".to_vec()].concat()).unwrap();
        let mut replay = Replay::file(&path, None, Rate::DEFAULT).unwrap();
        assert_eq!(marks(&mut replay, 5), ["a", "b", "a", "b", "a"]);
    }

    #[test]
    fn a_folder_is_played_in_the_order_of_names() {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            ("2.JPG", jpeg("2")),
            ("1.jpeg", jpeg("1")),
            ("3.mjpeg", [jpeg("3a"), jpeg("3b")].concat()),
            ("0.txt", jpeg("no")),
            ("4.jpg", b"no picture".to_vec()),
        ];
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        let mut replay = Replay::folder(folder.path(), None, Rate::DEFAULT).unwrap();
        assert_eq!(marks(&mut replay, 6), ["1", "2", "3a", "3b", "1", "2"]);
    }

    #[test]
    fn frames_come_at_the_rate_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.jpg");
        fs::write(&path, jpeg("x")).unwrap();
        let mut replay = Replay::file(&path, None, "20".parse().unwrap()).unwrap();
        let start = Time::from_millis(1000);
        marks(&mut replay, 41);
        assert_eq!(replay.due(), start.after(Duration::from_millis(41 * 50)));
        assert!(replay.grab(start.after(Duration::from_millis(2049))).unwrap().is_none());
    }

    #[test]
    fn without_a_jpeg_there_is_nothing_to_play() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let no_frames = OpenError::NoFrames { path: root.into() };
        assert_eq!(Replay::folder(root, None, Rate::DEFAULT).err(), Some(no_frames.clone()));
        fs::write(root.join("a.jpg"), b"").unwrap();
        fs::write(root.join("b.jpg"), b"text").unwrap();
        assert_eq!(Replay::folder(root, None, Rate::DEFAULT).err(), Some(no_frames));
        let zeros = root.join("zeros");
        File::create(&zeros).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(
            Replay::file(&zeros, None, Rate::DEFAULT).err(),
            Some(OpenError::NoFrames { path: zeros })
        );
    }

    #[test]
    fn a_file_emptied_under_way_is_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mjpeg");
        fs::write(&path, jpeg("a")).unwrap();
        let mut replay = Replay::file(&path, None, Rate::DEFAULT).unwrap();
        marks(&mut replay, 2);
        fs::write(&path, b"").unwrap();
        assert_eq!(replay.grab(Time::from_millis(9000)).err(), Some(Fault::NotMjpeg { path }));
    }

    #[test]
    fn a_size_asked_for_in_vain_is_noted() {
        let size = Some(Size { width: 640, height: 480 });
        let notes = description(Path::new("x"), size, Rate::DEFAULT).notes;
        assert_eq!(notes, ["asked for 640x480, but files are played in the size that they have"]);
    }
}
