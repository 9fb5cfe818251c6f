//! Files of MJPEG, played as if they came from a camera: in a loop, or once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::clip::{Clip, Step, is_played};
use super::metronome::Metronome;
use super::stream_buffer::{Found, LIMIT};
use super::{CaptureConfig, CaptureError, Description, Lease, OpenError, Rate};
use crate::jpeg::JpegError;
use crate::jpeg::Size;
use crate::shown::shown;
use crate::time::Time;

/// The most files that a folder's replay takes: the list of their names is kept in memory.
pub(super) const FILES: usize = 100_000;

/// Where there was a frame, there is to be one again within this time: a file that is just being rewritten has none for
/// a moment.
const PATIENCE: Duration = Duration::from_secs(2);

/// ... and this many looks, where they are further apart.
const LOOKS: u32 = 3;

/// How files are played.
#[derive(Clone, Copy, Debug)]
pub struct Play {
    /// The size asked for, in vain.
    pub size: Option<Size>,
    /// Frames per second.
    pub rate: Rate,
    /// Once, and not in a loop.
    pub once: bool,
}

impl Play {
    pub(super) fn of(config: &CaptureConfig) -> Self {
        Play { size: config.size, rate: config.rate.unwrap_or(Rate::DEFAULT), once: config.once }
    }
}

/// A file, or the files of a folder in the order of their names, from the first again after the last.
pub struct Replay {
    path: PathBuf,
    /// Never empty.
    files: Vec<PathBuf>,
    /// Which of them is open.
    current: usize,
    clip: Clip,
    /// Files in a row without a whole frame, and when the latest frame was given.
    barren: usize,
    latest: Time,
    /// Why the latest of those that could not be read could not.
    unreadable: Option<String>,
    /// People know that there are such files.
    is_told: bool,
    once: bool,
    metronome: Metronome,
    sequence: u32,
    /// What was given, whole or not.
    frames: u64,
    description: Description,
}

impl Replay {
    /// Plays the file at `path`: one JPEG, or many after each other.
    ///
    /// # Errors
    /// [`OpenError::Unreadable`], or [`OpenError::NoFrames`] if there is no JPEG in its first 16 MiB.
    pub fn file(path: &Path, play: Play) -> Result<Self, OpenError> {
        Replay::start(path, vec![path.into()], play)
    }

    /// Plays the folder's `.jpg`, `.jpeg`, `.mjpg` and `.mjpeg` files in the order of their names. Those that cannot be
    /// read are left out.
    ///
    /// # Errors
    /// [`OpenError::Unreadable`], or [`OpenError::NoFrames`] if there is no such file, or no JPEG in their first 16 MiB.
    pub fn folder(path: &Path, play: Play) -> Result<Self, OpenError> {
        let files = listing(path).map_err(|error| unreadable(path, &error))?;
        if files.len() > FILES {
            let why = format!("more than {FILES} files; join them first: cat *.jpg > clip.mjpeg");
            return Err(OpenError::Unreadable { path: path.into(), why });
        }
        Replay::start(path, files, play)
    }

    fn start(path: &Path, files: Vec<PathBuf>, play: Play) -> Result<Self, OpenError> {
        let mut is_told = false;
        let (current, clip) = first_of(path, &files, &mut is_told)?;
        let mut replay = Replay {
            path: path.into(),
            files,
            current,
            clip,
            barren: 0,
            latest: Time::default(),
            unreadable: None,
            is_told,
            once: false,
            metronome: Metronome::new(play.rate),
            sequence: 0,
            frames: 0,
            description: description(path, play.size, play.rate),
        };
        replay.probe().map_err(at_start)?;
        replay.rewind(current).map_err(at_start)?;
        replay.once = play.once;
        Ok(replay)
    }

    /// When the next frame is due.
    pub fn due(&self) -> Time {
        self.metronome.due()
    }

    /// The next frame, if it is due. No frame of the file is skipped, however late the call.
    ///
    /// # Errors
    /// [`CaptureError::Unreadable`] if a file has gone or has changed under way, and there is no other; [`CaptureError::NotMjpeg`]
    /// after 16 MiB without a frame; [`CaptureError::Ended`] if it is played once.
    pub fn grab(&mut self, now: Time) -> Result<Option<Lease<'_>>, CaptureError> {
        if self.metronome.each(now).is_none() {
            return Ok(None);
        }
        let found = self.next_frame(now)?;
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        self.frames += 1;
        if found.is_frame() {
            self.latest = now;
        }
        Ok(Some(Lease::of_found(self.clip.intake(), found, now, sequence)))
    }

    /// The file or folder, and the rate at which it is played.
    pub fn describe(&self) -> &Description {
        &self.description
    }

    /// Looks for a whole frame.
    fn probe(&mut self) -> Result<(), CaptureError> {
        let mut looked_at = 0;
        while looked_at <= LIMIT {
            let found = self.next_frame(Time::default())?;
            if found.is_frame() {
                return Ok(());
            }
            looked_at += found.place.len().max(1);
        }
        Err(CaptureError::NotMjpeg { path: self.path.clone() })
    }

    /// Back to the beginning.
    fn rewind(&mut self, first: usize) -> Result<(), CaptureError> {
        (self.current, self.barren) = (first, 0);
        self.open().map_err(|error| self.gone(error.to_string()))
    }

    fn next_frame(&mut self, now: Time) -> Result<Found, CaptureError> {
        loop {
            match self.clip.step() {
                Ok(Step::Found(found)) => {
                    if found.is_frame() {
                        self.barren = 0;
                    }
                    return Ok(found);
                }
                Ok(Step::More) => {}
                Ok(Step::End) => {
                    if let Some(nothing) = self.turn_over(now)? {
                        return Ok(nothing);
                    }
                }
                Err(error) => self.skip(&error),
            }
            if self.clip.is_hopeless() {
                return Err(CaptureError::NotMjpeg { path: self.path.clone() });
            }
        }
    }

    /// Goes on with the next file that can be read. A file alone may not be there for a moment: that is a frame with nothing in it.
    fn turn_over(&mut self, now: Time) -> Result<Option<Found>, CaptureError> {
        self.barren += 1;
        // one more than there are: the first to end may have been left in its middle
        let is_barren = self.barren > self.files.len();
        let patience = PATIENCE.max(self.metronome.interval().saturating_mul(LOOKS));
        let is_patient = self.frames > 0 && now.since(self.latest) <= patience;
        let tries = if is_barren && !is_patient { 0 } else { self.files.len() };
        let mut is_missing = false;
        for _ in 0..tries {
            self.current += 1;
            if self.current == self.files.len() {
                if self.once {
                    return Err(CaptureError::Ended {
                        path: self.path.clone(),
                        frames: self.frames,
                        half: 0,
                    });
                }
                self.current = 0;
            }
            match self.open() {
                Ok(()) => return Ok(None),
                Err(error) => {
                    is_missing = error.kind() == io::ErrorKind::NotFound;
                    self.skip(&error);
                }
            }
        }
        if is_missing && is_patient && self.files.len() == 1 {
            return Ok(Some(Found::broken(JpegError::Empty)));
        }
        match self.unreadable.take() {
            Some(why) => Err(self.gone(why)),
            None if self.frames == 0 => Err(CaptureError::NotMjpeg { path: self.path.clone() }),
            None => Err(self.gone("there is no JPEG in it any more".into())),
        }
    }

    /// Opens the current file. One alone may stay open.
    fn open(&mut self) -> io::Result<()> {
        let path = self.files.get(self.current).unwrap_or(&self.path);
        if self.files.len() > 1 { self.clip.load(path) } else { self.clip.reload(path) }
    }

    /// The current file cannot be read. Others may.
    fn skip(&mut self, error: &io::Error) {
        self.unreadable = Some(error.to_string());
        if self.files.len() > 1 {
            let path = self.files.get(self.current).unwrap_or(&self.path);
            say_skipped(path, error, &mut self.is_told);
        }
    }

    fn gone(&self, why: String) -> CaptureError {
        CaptureError::Unreadable { path: self.path.clone(), why }
    }
}

/// The first file that can be opened.
fn first_of(path: &Path, files: &[PathBuf], is_told: &mut bool) -> Result<(usize, Clip), OpenError> {
    let mut failed = OpenError::NoFrames { path: path.into() };
    for (index, file) in files.iter().enumerate() {
        match Clip::open(file) {
            Ok(opened) => return Ok((index, opened)),
            Err(error) => {
                failed = unreadable(file, &error);
                if files.len() > 1 {
                    say_skipped(file, &error, is_told);
                }
            }
        }
    }
    Err(failed)
}

/// Once for all of them: there may be many, and they come again and again.
pub(super) fn say_skipped(file: &Path, error: &io::Error, is_told: &mut bool) {
    if !std::mem::replace(is_told, true) {
        log::warn!("skipped: cannot read {}: {error}; others like it are skipped in silence", shown(&file));
    }
}

fn listing(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)?.take(2 * FILES) {
        let path = entry?.path();
        if is_played(&path) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> OpenError {
    OpenError::Unreadable { path: path.into(), why: error.to_string() }
}

/// What a fault means when not one frame has been found yet.
fn at_start(fault: CaptureError) -> OpenError {
    match fault {
        CaptureError::NotMjpeg { path } => OpenError::NoFrames { path },
        CaptureError::Unreadable { path, why } => OpenError::Unreadable { path, why },
        other => OpenError::Invalid { what: other.to_string() },
    }
}

pub(super) fn description(path: &Path, size: Option<Size>, rate: Rate) -> Description {
    let note = size.map(|size| format!("asked for {size}, but files are played in the size that they have"));
    Description {
        name: "replay".into(),
        driver: "built in".into(),
        path: shown(&path).to_string(),
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
    use crate::jpeg::JpegError;
    use std::fs::File;

    const LOOP: Play = Play { size: None, rate: Rate::DEFAULT, once: false };
    const ONCE: Play = Play { once: true, ..LOOP };

    fn jpeg(mark: &str) -> Vec<u8> {
        [&b"\xff\xd8\xff\xda\0\x02"[..], mark.as_bytes(), b"\xff\xd9"].concat()
    }

    /// The next thing that comes, when it is due.
    fn next(replay: &mut Replay) -> Result<(Vec<u8>, Option<JpegError>), CaptureError> {
        let now = Time::from_millis(1000).max(replay.due());
        replay.grab(now).map(|lease| {
            let lease = lease.unwrap();
            assert_eq!(lease.stamp.captured, now);
            (lease.to_vec(), lease.flaw())
        })
    }

    /// What the next `count` things hold: a frame's mark, and `-` for what is none.
    fn marks(replay: &mut Replay, count: usize) -> Vec<String> {
        let mark = |(bytes, flaw): (Vec<u8>, Option<JpegError>)| match bytes.strip_suffix(b"\xff\xd9") {
            Some(frame) if flaw.is_none() => String::from_utf8(frame[6..].to_vec()).unwrap(),
            _ => "-".to_owned(),
        };
        (0..count).map(|_| mark(next(replay).unwrap())).collect()
    }

    #[test]
    fn a_file_is_played_in_a_loop() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mjpeg");
        fs::write(&path, [jpeg("a"), jpeg("b"), b"cut \xff\xd8\xff\xda\0\x02".to_vec()].concat()).unwrap();
        let mut replay = Replay::file(&path, LOOP).unwrap();
        assert_eq!(marks(&mut replay, 7), ["a", "b", "-", "a", "b", "-", "a"]);
    }

    #[test]
    fn a_file_may_be_played_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mjpeg");
        fs::write(&path, [jpeg("a"), jpeg("b"), jpeg("half")[..9].to_vec()].concat()).unwrap();
        let mut replay = Replay::file(&path, ONCE).unwrap();
        assert_eq!(marks(&mut replay, 2), ["a", "b"]);
        assert_eq!(next(&mut replay), Ok((jpeg("half")[..9].to_vec(), None)), "what is left is counted");
        assert_eq!(next(&mut replay), Err(CaptureError::Ended { path, frames: 3, half: 0 }));
        for name in ["1.jpg", "2.jpg"] {
            fs::write(folder.path().join(name), jpeg(name)).unwrap();
        }
        let mut replay = Replay::folder(folder.path(), ONCE).unwrap();
        assert_eq!(marks(&mut replay, 5), ["1.jpg", "2.jpg", "a", "b", "-"]);
        assert_eq!(
            next(&mut replay),
            Err(CaptureError::Ended { path: folder.path().into(), frames: 5, half: 0 })
        );
    }

    #[test]
    fn each_file_without_a_frame_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let files: [(&str, &[u8]); 5] = [
            ("1.jpg", b""),
            ("2.jpg", &[0; 70_000]),
            ("3.jpg", b"\xff\xd8\xff\xda"),
            ("4.jpg", &jpeg("half")[..9]),
            ("5.jpg", &jpeg("a")),
        ];
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        let mut replay = Replay::folder(folder.path(), LOOP).unwrap();
        let wanted = [
            (vec![], Some(JpegError::Empty)),
            (vec![], Some(JpegError::NoStart)),
            (vec![], Some(JpegError::Cut { at: 2 })),
            (jpeg("half")[..9].to_vec(), None),
            (jpeg("a"), None),
        ];
        for wanted in wanted.iter().cycle().take(12) {
            assert_eq!(next(&mut replay).as_ref(), Ok(wanted));
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_left_out_if_there_are_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["1.jpg", "2.jpg", "3.jpg"] {
            fs::write(path(name), jpeg(name)).unwrap();
        }
        let mut replay = Replay::folder(folder.path(), LOOP).unwrap();
        assert_eq!(marks(&mut replay, 3), ["1.jpg", "2.jpg", "3.jpg"]);
        fs::remove_file(path("2.jpg")).unwrap();
        // a folder can be opened, but not read
        fs::remove_file(path("3.jpg")).unwrap();
        fs::create_dir(path("3.jpg")).unwrap();
        assert_eq!(marks(&mut replay, 3), ["1.jpg", "1.jpg", "1.jpg"]);
        assert!(replay.is_told);
        fs::remove_file(path("1.jpg")).unwrap();
        let fault = (0..3).find_map(|_| next(&mut replay).err());
        assert!(
            matches!(&fault, Some(CaptureError::Unreadable { path, .. }) if path == folder.path()),
            "{fault:?}"
        );
    }

    #[test]
    fn a_file_that_vanishes_is_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mjpeg");
        fs::write(&path, jpeg("a")).unwrap();
        let mut replay = Replay::file(&path, LOOP).unwrap();
        marks(&mut replay, 2);
        fs::remove_file(&path).unwrap();
        let fault = (0..100).find_map(|_| next(&mut replay).err());
        let Some(CaptureError::Unreadable { path: of, why }) = fault else {
            panic!("it has gone: {fault:?}")
        };
        assert_eq!(of, path);
        assert!(why.contains("No such file"), "{why}");
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
        let mut replay = Replay::folder(folder.path(), LOOP).unwrap();
        assert_eq!(marks(&mut replay, 7), ["1", "2", "3a", "3b", "-", "1", "2"]);
    }

    #[test]
    fn frames_come_at_the_rate_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.jpg");
        fs::write(&path, jpeg("x")).unwrap();
        let mut replay = Replay::file(&path, Play { rate: "20".parse().unwrap(), ..LOOP }).unwrap();
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
        assert_eq!(Replay::folder(root, LOOP).err(), Some(no_frames.clone()));
        fs::write(root.join("a.jpg"), b"").unwrap();
        fs::write(root.join("b.jpg"), b"text").unwrap();
        assert_eq!(Replay::folder(root, LOOP).err(), Some(no_frames));
        let zeros = root.join("zeros");
        File::create(&zeros).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(Replay::file(&zeros, LOOP).err(), Some(OpenError::NoFrames { path: zeros }));
    }

    #[test]
    fn a_file_emptied_under_way_is_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mjpeg");
        fs::write(&path, jpeg("a")).unwrap();
        let mut replay = Replay::file(&path, LOOP).unwrap();
        marks(&mut replay, 2);
        fs::write(&path, b"").unwrap();
        let emptied = replay.due();
        let fault = (0..100).find_map(|_| next(&mut replay).err());
        assert_eq!(
            fault,
            Some(CaptureError::Unreadable { path, why: "there is no JPEG in it any more".into() })
        );
        assert!(replay.due().since(emptied) > PATIENCE, "it may be about to be rewritten");
    }

    #[test]
    fn a_file_that_is_written_anew_may_be_empty_for_a_moment() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("now.jpg");
        fs::write(&path, jpeg("a")).unwrap();
        let mut replay = Replay::file(&path, LOOP).unwrap();
        marks(&mut replay, 2);
        File::create(&path).unwrap();
        assert!((0..20).all(|_| next(&mut replay).unwrap().1 == Some(JpegError::Empty)));
        fs::write(&path, jpeg("b")).unwrap();
        assert_eq!(marks(&mut replay, 2), ["b", "b"]);
        // or not be there at all
        fs::remove_file(&path).unwrap();
        assert_eq!(marks(&mut replay, 20), ["-"; 20]);
        fs::write(&path, jpeg("c")).unwrap();
        assert_eq!(marks(&mut replay, 2), ["c", "c"]);
    }

    #[test]
    fn a_file_that_is_seldom_looked_at_is_looked_at_more_than_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("now.jpg");
        fs::write(&path, jpeg("a")).unwrap();
        let mut replay = Replay::file(&path, Play { rate: "0.1".parse().unwrap(), ..LOOP }).unwrap();
        marks(&mut replay, 2);
        File::create(&path).unwrap();
        assert_eq!(marks(&mut replay, 2), ["-", "-"]);
        fs::write(&path, jpeg("b")).unwrap();
        assert_eq!(marks(&mut replay, 2), ["b", "b"]);
    }

    #[test]
    fn a_file_that_another_takes_the_place_of_is_left_for_that() {
        let folder = tempfile::tempdir().unwrap();
        let (path, fresh) = (folder.path().join("now.jpg"), folder.path().join("fresh.jpg"));
        fs::write(&path, jpeg("a")).unwrap();
        let mut replay = Replay::file(&path, LOOP).unwrap();
        assert_eq!(marks(&mut replay, 3), ["a", "a", "a"]);
        for mark in ["b", "c"] {
            fs::write(&fresh, jpeg(mark)).unwrap();
            fs::rename(&fresh, &path).unwrap();
            assert_eq!(marks(&mut replay, 2), [mark, mark]);
        }
        // through a link as well
        fs::write(&fresh, jpeg("d")).unwrap();
        let link = folder.path().join("link.jpg");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let mut replay = Replay::file(&link, LOOP).unwrap();
        assert_eq!(marks(&mut replay, 2), ["c", "c"]);
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&fresh, &link).unwrap();
        assert_eq!(marks(&mut replay, 2), ["d", "d"]);
    }

    #[test]
    fn what_takes_a_files_place_and_is_none_does_not_hold_the_program_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("now.jpg");
        fs::write(&path, jpeg("a")).unwrap();
        let mut replay = Replay::file(&path, LOOP).unwrap();
        marks(&mut replay, 2);
        fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let fault = next(&mut replay).unwrap_err();
        assert_eq!(fault, CaptureError::Unreadable { path, why: "it is no file".into() });
    }

    /// Telephones put a preview, or a film, behind the picture.
    #[test]
    fn a_picture_is_one_picture_whatever_is_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let behind: [(&str, &[u8]); 4] = [
            ("1.jpg", &jpeg("second")),
            ("2.JPEG", b"....ftypmp42 a film"),
            ("3.jpg", b"\xff\xd8\xff\xda\0\x02 half of one"),
            ("4.mjpg", &jpeg("second")),
        ];
        for (name, bytes) in behind {
            fs::write(path(name), [&jpeg("first")[..], bytes].concat()).unwrap();
        }
        fs::write(path("5.jpg"), [&b"\xff\xd8\xff\xda"[..], &jpeg("not the first")].concat()).unwrap();
        let mut replay = Replay::folder(folder.path(), LOOP).unwrap();
        let wanted = ["first", "first", "first", "first", "second", "-", "first"];
        assert_eq!(marks(&mut replay, 7), wanted);
        for name in ["1.jpg", "2.JPEG", "3.jpg"] {
            let mut replay = Replay::file(&path(name), LOOP).unwrap();
            assert_eq!(marks(&mut replay, 3), ["first"; 3], "{name}");
        }
    }

    #[test]
    fn hidden_files_are_no_pictures_unless_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["._1.jpg", ".2.jpg", "3.jpg", ".jpg"] {
            fs::write(path(name), jpeg(name)).unwrap();
        }
        let mut replay = Replay::folder(folder.path(), LOOP).unwrap();
        assert_eq!(marks(&mut replay, 2), ["3.jpg", "3.jpg"]);
        let mut replay = Replay::file(&path(".2.jpg"), LOOP).unwrap();
        assert_eq!(marks(&mut replay, 1), [".2.jpg"]);
    }

    #[test]
    fn a_size_asked_for_in_vain_is_noted() {
        let size = Some(Size { width: 640, height: 480 });
        let notes = description(Path::new("x"), size, Rate::DEFAULT).notes;
        assert_eq!(notes, ["asked for 640x480, but files are played in the size that they have"]);
    }
}
