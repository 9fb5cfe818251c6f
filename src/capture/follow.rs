//! A folder that files arrive in: each is played when it is complete, in the order in which they arrived.
//!
//! What is there at the start comes first, the oldest of it first: by the time of its last change, then by its name. Nothing
//! is remembered of what was played, and nothing is deleted: that is for whoever puts the files there.

use std::collections::{HashSet, VecDeque};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::clip::{Clip, Step, is_played};
use super::metronome::Metronome;
use super::replay::{FILES, Play, description, say_skipped, unreadable};
use super::stream_buffer::Found;
use super::{CaptureError, Description, Lease, OpenError};
use crate::shown::shown;
use crate::sys::arrivals::{Arrival, Arrivals};
use crate::time::Time;

/// Files opened in one grab: those that have gone meanwhile give nothing, and the loop has other work too.
const OPENS: usize = 16;

/// Plays what arrives in a folder.
pub struct Follow {
    path: PathBuf,
    arrivals: Arrivals,
    waiting: Waiting,
    /// The file that is open, or was last; `None` before the first.
    clip: Option<Clip>,
    /// Its path, until it has come to its end.
    playing: Option<PathBuf>,
    /// When the youngest of all files that were opened came to be as it is, in seconds and nanoseconds: what is younger has
    /// arrived since. A file that is moved keeps the time of its last change, but not this one (st_ctime).
    youngest: (i64, i64),
    /// And those that came to be so at that very time: a clock's tick may see several.
    as_young: HashSet<PathBuf>,
    is_told: bool,
    is_overflow_told: bool,
    metronome: Metronome,
    sequence: u32,
    description: Description,
}

/// Names of files that are to be played, each once.
#[derive(Default)]
struct Waiting {
    names: VecDeque<Arc<OsStr>>,
    known: HashSet<Arc<OsStr>>,
    /// Others have come than these: they are to be looked for.
    is_incomplete: bool,
}

impl Waiting {
    fn add(&mut self, name: &OsStr) {
        if self.known.contains(name) {
            return;
        }
        if self.names.len() >= FILES {
            self.is_incomplete = true;
            return;
        }
        let name: Arc<OsStr> = name.into();
        self.known.insert(name.clone());
        self.names.push_back(name);
    }

    fn next(&mut self) -> Option<Arc<OsStr>> {
        let name = self.names.pop_front()?;
        self.known.remove(&name);
        Some(name)
    }
}

impl Follow {
    /// Follows the folder at `path`. There need be nothing in it.
    ///
    /// # Errors
    /// [`OpenError::Unreadable`]: it cannot be read, there are more files in it than can be kept in mind, or the system has no
    /// inotify left.
    pub fn folder(path: &Path, play: Play) -> Result<Self, OpenError> {
        // first this, so that nothing arrives between the two
        let arrivals = Arrivals::listen(path).map_err(|error| unreadable(path, &error))?;
        let mut follow = Follow {
            path: path.into(),
            arrivals,
            waiting: Waiting::default(),
            clip: None,
            playing: None,
            youngest: (i64::MIN, 0),
            as_young: HashSet::new(),
            is_told: false,
            is_overflow_told: false,
            metronome: Metronome::new(play.rate),
            sequence: 0,
            description: description(path, play.size, play.rate),
        };
        follow.look().map_err(|error| unreadable(path, &error))?;
        if follow.waiting.is_incomplete {
            let why = format!("more than {FILES} files: move away what has been played");
            return Err(OpenError::Unreadable { path: path.into(), why });
        }
        Ok(follow)
    }

    /// The descriptor to poll for `POLLIN`.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.arrivals.as_fd()
    }

    /// When the next frame is due, if there is one.
    pub fn due(&self) -> Option<Time> {
        let is_idle = self.playing.is_none() && self.waiting.names.is_empty() && !self.waiting.is_incomplete;
        (!is_idle).then(|| self.metronome.due())
    }

    /// The next frame, if there is one and it is due.
    ///
    /// # Errors
    /// [`CaptureError::Unreadable`] if the folder has gone.
    pub fn grab(&mut self, now: Time) -> Result<Option<Lease<'_>>, CaptureError> {
        self.hear()?;
        if now < self.metronome.due() {
            return Ok(None);
        }
        let Some(found) = self.next_frame() else { return Ok(None) };
        self.metronome.each(now);
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        Ok(self.clip.as_ref().map(|clip| Lease::of_found(clip.intake(), found, now, sequence)))
    }

    /// The folder, and the rate at which files are played that wait.
    pub fn describe(&self) -> &Description {
        &self.description
    }

    fn hear(&mut self) -> Result<(), CaptureError> {
        let (mut is_gone, waiting) = (false, &mut self.waiting);
        self.arrivals.take(|arrival| match arrival {
            Arrival::File(name) if is_played(Path::new(&name)) => waiting.add(&name),
            Arrival::File(_) => {}
            Arrival::Overflow => waiting.is_incomplete = true,
            Arrival::Gone => is_gone = true,
        });
        if is_gone {
            let why = "the folder is not there any more".into();
            return Err(CaptureError::Unreadable { path: self.path.clone(), why });
        }
        // when all that is known has been opened: what is younger than that is what is not known
        if waiting.is_incomplete && waiting.names.is_empty() && self.playing.is_none() {
            waiting.is_incomplete = false;
            if !std::mem::replace(&mut self.is_overflow_told, true) {
                let path = shown(&self.path);
                log::warn!("more files came at once to {path} than the system tells of: they are looked for");
            }
            self.look().map_err(|error| CaptureError::Unreadable {
                path: self.path.clone(),
                why: error.to_string(),
            })?;
        }
        Ok(())
    }

    /// Looks into the folder for files that are younger than those that were played.
    fn look(&mut self) -> io::Result<()> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let path = entry.path();
            if !is_played(&path) {
                continue;
            }
            // one that has just gone, or may not be looked at, is no reason to have none
            let Ok(metadata) = fs::metadata(&path) else { continue };
            let changed = (metadata.ctime(), metadata.ctime_nsec());
            let is_later = changed >= self.youngest && !self.as_young.contains(&path);
            if metadata.is_file() && is_later {
                found.push(((metadata.mtime(), metadata.mtime_nsec()), entry.file_name()));
            }
            if found.len() > FILES {
                self.waiting.is_incomplete = true;
                break;
            }
        }
        found.sort();
        found.iter().for_each(|(_, name)| self.waiting.add(name));
        Ok(())
    }

    /// A file was opened that came to be as it is at this time.
    fn enter(&mut self, changed: (i64, i64), path: &Path) {
        if changed > self.youngest || self.as_young.len() >= FILES {
            self.as_young.clear();
        }
        if changed >= self.youngest {
            self.youngest = changed;
            self.as_young.insert(path.to_owned());
        }
    }

    fn next_frame(&mut self) -> Option<Found> {
        let mut opens = 0;
        loop {
            let (Some(clip), Some(path)) = (&mut self.clip, &self.playing) else {
                opens += 1;
                if opens > OPENS {
                    return None;
                }
                self.open_next()?;
                continue;
            };
            match clip.step() {
                Ok(Step::Found(found)) => return Some(found),
                Ok(Step::More) if clip.is_hopeless() => {
                    self.playing = None;
                    return Some(clip.give_up());
                }
                Ok(Step::More) => {}
                Ok(Step::End) => {
                    clip.close();
                    self.playing = None;
                }
                Err(error) => {
                    say_skipped(path, &error, &mut self.is_told);
                    clip.close();
                    self.playing = None;
                }
            }
        }
    }

    /// Opens the next file, if it can be; `None`: there is none.
    fn open_next(&mut self) -> Option<()> {
        let path = self.path.join(&*self.waiting.next()?);
        let opened = match &mut self.clip {
            Some(clip) => clip.load(&path).map(|()| clip.changed()),
            clip @ None => Clip::open(&path).map(|opened| clip.insert(opened).changed()),
        };
        match opened {
            Ok(changed) => {
                self.enter(changed, &path);
                self.playing = Some(path);
            }
            Err(error) => say_skipped(&path, &error, &mut self.is_told),
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{File, FileTimes};
    use std::io::Write;
    use std::time::{Duration, SystemTime};

    const PLAY: Play = Play { size: None, rate: super::super::Rate::DEFAULT, once: false };

    fn jpeg(mark: &str) -> Vec<u8> {
        [&b"\xff\xd8\xff\xda\0\x02"[..], mark.as_bytes(), b"\xff\xd9"].concat()
    }

    struct Folder {
        root: tempfile::TempDir,
        now: Time,
    }

    impl Folder {
        fn new() -> Self {
            Folder { root: tempfile::tempdir().unwrap(), now: Time::from_millis(1000) }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.root.path().join(name)
        }

        /// A picture that shows its name.
        fn put(&self, name: &str) {
            fs::write(self.path(name), jpeg(name)).unwrap();
        }

        /// The same, last changed this many seconds ago.
        fn put_old(&self, name: &str, age: u64) {
            self.put(name);
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 - age);
            let file = File::options().write(true).open(self.path(name)).unwrap();
            file.set_times(FileTimes::new().set_modified(at)).unwrap();
        }

        fn follow(&self) -> Follow {
            Follow::folder(self.root.path(), PLAY).unwrap()
        }

        /// What comes until nothing more does: marks, and `-` for what is no frame. Time passes only until it is due.
        fn play(&mut self, follow: &mut Follow) -> Vec<String> {
            let mut marks = Vec::new();
            let mut idle = 0;
            while idle < 3 {
                self.now = self.now.max(follow.due().unwrap_or_default());
                let Some(lease) = follow.grab(self.now).unwrap() else {
                    idle += 1;
                    continue;
                };
                idle = 0;
                let mark = lease.strip_suffix(b"\xff\xd9").filter(|_| lease.flaw().is_none());
                marks.push(
                    mark.map_or("-".to_owned(), |frame| String::from_utf8(frame[6..].to_vec()).unwrap()),
                );
            }
            assert_eq!(follow.due(), None, "it is idle");
            marks
        }
    }

    #[test]
    fn what_is_there_comes_first_and_the_oldest_of_it_before_all() {
        let mut folder = Folder::new();
        for (name, age) in [("c.jpg", 30), ("a.jpg", 20), ("b.jpg", 30), ("d.jpg", 40)] {
            folder.put_old(name, age);
        }
        let mut follow = folder.follow();
        folder.put("0.jpg");
        assert_eq!(folder.play(&mut follow), ["d.jpg", "b.jpg", "c.jpg", "a.jpg", "0.jpg"]);
    }

    #[test]
    fn what_arrives_is_played_once_it_is_complete_and_in_that_order() {
        let mut folder = Folder::new();
        let mut follow = folder.follow();
        assert!(folder.play(&mut follow).is_empty());
        let mut slow = File::create(folder.path("a.jpg")).unwrap();
        slow.write_all(&jpeg("a.jpg")[..7]).unwrap();
        folder.put("z.jpg");
        folder.put("notes.txt");
        folder.put(".hidden.jpg");
        assert_eq!(folder.play(&mut follow), ["z.jpg"]);
        slow.write_all(&jpeg("a.jpg")[7..]).unwrap();
        assert!(folder.play(&mut follow).is_empty(), "it is not closed");
        drop(slow);
        fs::rename(folder.path(".hidden.jpg"), folder.path("m.jpg")).unwrap();
        assert_eq!(folder.play(&mut follow), ["a.jpg", ".hidden.jpg"]);
        folder.put("z.jpg");
        assert_eq!(folder.play(&mut follow), ["z.jpg"], "it was rewritten");
    }

    #[test]
    fn a_file_that_is_written_again_before_its_turn_is_played_once() {
        let mut folder = Folder::new();
        folder.put("1.jpg");
        let mut follow = folder.follow();
        (0..1000).for_each(|_| folder.put("1.jpg"));
        folder.put("2.jpg");
        assert_eq!(folder.play(&mut follow), ["1.jpg", "2.jpg"]);
    }

    #[test]
    fn what_has_gone_before_its_turn_is_passed_over() {
        let mut folder = Folder::new();
        for number in 0..100 {
            folder.put(&format!("{number:02}.jpg"));
        }
        let mut follow = folder.follow();
        (5..95).for_each(|number| fs::remove_file(folder.path(&format!("{number:02}.jpg"))).unwrap());
        let mut played = 0;
        while follow.due().is_some() {
            folder.now = folder.now.max(follow.due().unwrap());
            played += usize::from(follow.grab(folder.now).unwrap().is_some());
        }
        assert_eq!(played, 10);
        assert!(follow.is_told);
    }

    #[test]
    fn what_is_no_picture_is_counted_and_ends_nothing() {
        let mut folder = Folder::new();
        let mut follow = folder.follow();
        File::create(folder.path("0.jpg")).unwrap();
        fs::write(folder.path("1.jpg"), b"text").unwrap();
        File::create(folder.path("2.jpg")).unwrap().set_len(1 << 40).unwrap();
        fs::write(folder.path("3.mjpg"), [jpeg("3a"), jpeg("3b")].concat()).unwrap();
        fs::write(folder.path("4.jpg"), [jpeg("4a"), jpeg("4b")].concat()).unwrap();
        assert_eq!(folder.play(&mut follow), ["-", "-", "-", "3a", "3b", "4a"]);
    }

    #[test]
    fn more_than_the_kernel_tells_of_is_found() {
        let mut folder = Folder::new();
        folder.put("1.jpg");
        let mut follow = folder.follow();
        (2..50).for_each(|number| folder.put(&format!("0{number}.jpg")));
        assert_eq!(folder.play(&mut follow).len(), 49);
        // what was played stays where it is, and is not played again; what comes by rename is old by its last change
        folder.put("2.jpg");
        folder.put_old(".3.jpg", 500);
        fs::rename(folder.path(".3.jpg"), folder.path("3.jpg")).unwrap();
        follow.arrivals.take(drop);
        follow.waiting.is_incomplete = true;
        let mut played = folder.play(&mut follow);
        played.sort();
        assert_eq!(played, [".3.jpg", "2.jpg"]);
    }

    #[test]
    fn after_a_pause_frames_do_not_hurry() {
        let mut folder = Folder::new();
        let mut follow = folder.follow();
        folder.put("1.jpg");
        assert_eq!(folder.play(&mut follow).len(), 1);
        folder.now = folder.now.after(Duration::from_secs(100));
        ["2.jpg", "3.jpg"].iter().for_each(|name| folder.put(name));
        assert!(follow.grab(folder.now).unwrap().is_some(), "the first comes at once");
        assert!(follow.grab(folder.now).unwrap().is_none());
        assert!(follow.due().unwrap() > folder.now);
    }

    #[test]
    fn a_folder_that_goes_is_a_fault() {
        let mut folder = Folder::new();
        let below = folder.path("below");
        fs::create_dir(&below).unwrap();
        fs::write(below.join("1.jpg"), jpeg("1")).unwrap();
        let mut follow = Follow::folder(&below, PLAY).unwrap();
        assert_eq!(folder.play(&mut follow), ["1"]);
        fs::remove_dir_all(&below).unwrap();
        let fault = follow.grab(folder.now).err();
        assert!(matches!(&fault, Some(CaptureError::Unreadable { path, .. }) if *path == below), "{fault:?}");
        assert!(matches!(Follow::folder(&below, PLAY), Err(OpenError::Unreadable { .. })));
    }
}
