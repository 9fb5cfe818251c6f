//! `--doctor` of both programs: what is looked at in either case, and how it is told.
//!
//! Lives here: how facts are come by that both need. May not live here: what is to be thought of them ([`crate::doctor`]), a camera
//! ([`cast::doctor`](super::cast::doctor)) and a stream ([`rec::doctor`](super::rec::doctor)).

pub mod machine;

use super::exit::Exit;
use super::say;
use crate::doctor::board::{self, Disk, Load};
use crate::doctor::mask::{Mask, without_people};
use crate::doctor::{Finding, is_failing, summary};
use crate::store::Error;
use crate::store::probe::{Probe, probe};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// A disk is tried with this much, for no longer than [`DISK_TIME`].
const DISK_BYTES: usize = 64 << 20;

/// How long a disk is tried.
const DISK_TIME: Duration = Duration::from_secs(3);

/// What has not answered by then hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// What has been found so far. Each finding is told at once, since the next one may take its time.
pub struct Doctor {
    findings: Vec<Finding>,
    mask: Option<Mask>,
    home: Option<String>,
}

impl Doctor {
    /// Says who looks. `masks`: addresses and the names of hosts are hidden. The names of people are in any case.
    pub fn begin(program: &str, masks: bool) -> Self {
        say(&format!("{program} {} --doctor", env!("CARGO_PKG_VERSION")));
        let (mask, home) = (masks.then(Mask::default), std::env::var("HOME").ok());
        Doctor { findings: Vec::new(), mask, home }
    }

    /// This name is told as this word, if names are hidden.
    pub fn hide(&mut self, name: &str, word: &str) {
        self.mask.iter_mut().for_each(|mask| mask.hide(name, word));
    }

    /// Tells of it.
    pub fn find(&mut self, mut finding: Finding) {
        finding.what = without_people(&finding.what, self.home.as_deref());
        if let Some(mask) = &mut self.mask {
            finding.what = mask.apply(&finding.what);
        }
        say(&finding.to_string());
        self.findings.push(finding);
    }

    /// Tells of all of them.
    pub fn find_all(&mut self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.find(finding));
    }

    /// The last line, and how the program ends.
    pub fn end(self) -> Exit {
        say(&summary(&self.findings));
        if is_failing(&self.findings) { Exit::System } else { Exit::Ok }
    }
}

/// Does it on a thread of its own, as it may never come back. None: it has not in time, or cannot be done.
pub fn in_time<Found: Send + 'static>(look: impl FnOnce() -> Found + Send + 'static) -> Option<Found> {
    let (done, found) = channel();
    // nobody listens any more only if the program ends
    let started = thread::Builder::new().name("doctor".into()).spawn(move || done.send(look()));
    started.ok().and_then(|_| found.recv_timeout(PATIENCE).ok())
}

/// Tries the disk of a folder, or of the one that it will be made in, for what is to go there.
pub fn disk(folder: &Path, must_exist: bool, load: Load) -> Finding {
    let folder = folder.to_owned();
    let tried = in_time(move || probe(&there(&folder, must_exist), DISK_BYTES, DISK_TIME));
    match tried {
        None => Finding::fail("disk", format!("no answer in {} s", PATIENCE.as_secs()))
            .remedied_by("another disk; or look whether it is still there: dmesg, mount"),
        Some(Ok(Probe { free, speed, longest })) => board::disk(&Disk { free, speed, longest }, load),
        Some(Err(error @ Error::Full { .. })) if load.is_bounded => {
            Finding::warn("disk", error.to_string(), "nothing, if it is full of recordings that may go")
        }
        Some(Err(error)) => Finding::fail("disk", error.to_string()),
    }
}

/// The folder, or the nearest one above it that is there: what is missing would be made.
fn there(folder: &Path, must_exist: bool) -> PathBuf {
    let is_missing =
        |path: &Path| fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound);
    let mut there = folder;
    while let (false, true, Some(above)) = (must_exist, is_missing(there), there.parent()) {
        there = if above == Path::new("") { Path::new(".") } else { above };
    }
    there.to_owned()
}
