//! What people want done with each finished file: a command of theirs (`--on-segment`), one at a time, beside the recording.

use crate::app::quantity::show_duration;
use crate::sys::command::{self, Ended};
use crate::sys::worker::{Bell, Desk, Worker};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// Files that may wait for their turn: a week of them, in files of ten minutes.
const QUEUE: usize = 1000;

/// A command, and how long it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookConfig {
    /// For the shell.
    pub command: OsString,
    /// It is ended after so long.
    pub most: Duration,
}

/// A finished file, as the command learns of it.
#[derive(Clone, Debug)]
pub struct FinishedFile {
    /// The file.
    pub path: PathBuf,
    /// Its path inside the folder of recordings.
    pub name: PathBuf,
    /// Its sidecar, if there is one.
    pub sidecar: Option<PathBuf>,
    /// When its first frame was captured, as in the sidecar.
    pub start: String,
    /// When its last frame was captured.
    pub end: String,
    /// Frames in it.
    pub frames: u64,
    /// Frames that are missing in it.
    pub missing: u64,
}

/// A command that did not do what it should.
#[derive(Clone, Debug)]
pub struct HookError {
    /// The file that it was about.
    pub path: PathBuf,
    /// In words.
    pub why: String,
}

/// The thread that runs the commands.
pub struct Hooks {
    files: Worker<FinishedFile, HookError>,
    ours: VecDeque<HookError>,
    waiting: Arc<AtomicUsize>,
}

impl Hooks {
    /// Starts the thread, which rings `bell` for what there is to [`poll`](Self::poll), and for each file that is done.
    ///
    /// # Errors
    /// The process has no thread left.
    pub fn start(wanted: HookConfig, bell: &Bell) -> io::Result<Self> {
        let waiting = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&waiting);
        let files = Worker::start("on-segment", QUEUE, bell, move |files, desk| {
            work(&wanted, &files, &desk, &count);
        })?;
        Ok(Hooks { files, ours: VecDeque::new(), waiting })
    }

    /// A file is finished: its turn comes after those before it.
    pub fn push(&mut self, file: FinishedFile) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        if let Err(FinishedFile { path, .. }) = self.files.send(file) {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            let why = format!("left out: {QUEUE} files wait for their turn");
            self.ours.push_back(HookError { path, why });
        }
    }

    /// What has failed since.
    pub fn poll(&mut self) -> Option<HookError> {
        self.ours.pop_front().or_else(|| self.files.take())
    }

    /// There are no more files.
    pub fn close(&mut self) {
        self.files.close();
    }

    /// Commands that run or wait.
    pub fn waiting(&self) -> usize {
        if self.files.has_ended() { 0 } else { self.waiting.load(Ordering::Relaxed) }
    }
}

fn work(wanted: &HookConfig, files: &Receiver<FinishedFile>, desk: &Desk<HookError>, waiting: &AtomicUsize) {
    for file in files {
        let why = match run(wanted, &file) {
            Ok(Ended::Status(0)) => None,
            Ok(Ended::Status(code)) => Some(format!("it ended with status {code}")),
            Ok(Ended::Signal(signal)) => Some(format!("it was ended by signal {signal}")),
            Ok(Ended::Late) => {
                Some(format!("it was ended after {}: --on-segment-timeout", show_duration(wanted.most)))
            }
            Err(error) => Some(format!("it cannot be started: {error}")),
        };
        if let Some(why) = why {
            desk.tell(HookError { path: file.path, why });
        }
        waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

fn run(wanted: &HookConfig, file: &FinishedFile) -> io::Result<Ended> {
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone()).into();
    let mut environment = vec![
        ("CAMREC_FILE", absolute(&file.path)),
        ("CAMREC_NAME", file.name.clone().into()),
        ("CAMREC_START", file.start.clone().into()),
        ("CAMREC_END", file.end.clone().into()),
        ("CAMREC_FRAMES", file.frames.to_string().into()),
        ("CAMREC_MISSING", file.missing.to_string().into()),
    ];
    environment.extend(file.sidecar.as_ref().map(|sidecar| ("CAMREC_SIDECAR", absolute(sidecar))));
    command::run(&wanted.command, &environment, wanted.most)
}
