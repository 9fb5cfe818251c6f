//! `--doctor` of both programs: what is looked at in either case, and how it is told.
//!
//! Lives here: how facts are come by that both need. May not live here: what is to be thought of them ([`crate::doctor`]), a camera
//! ([`cast::doctor`](super::cast::doctor)) and a stream ([`rec::doctor`](super::rec::doctor)).

pub mod machine;

use super::exit::Exit;
use super::say;
use crate::doctor::board::{self, Disk, Load};
use crate::doctor::mask::Mask;
use crate::doctor::{Finding, is_failing, summary};
use crate::store::probe::{Probe, probe};
use crate::sys::names::this_host;
use std::path::Path;
use std::time::Duration;

/// A disk is tried with this much, for no longer than [`DISK_TIME`].
const DISK_BYTES: usize = 64 << 20;

/// How long a disk is tried.
const DISK_TIME: Duration = Duration::from_secs(3);

/// What has been found so far. Each finding is told at once, since the next one may take its time.
pub struct Doctor {
    findings: Vec<Finding>,
    mask: Option<Mask>,
    home: Option<String>,
}

impl Doctor {
    /// Says who looks. `masks`: addresses and the names of machines are hidden.
    pub fn begin(program: &str, masks: bool) -> Self {
        let mask = masks.then(|| {
            let mut mask = Mask::default();
            mask.hide(&this_host(), "THIS-MACHINE");
            mask
        });
        let home = std::env::var("HOME").ok().filter(|home| home.len() > 1);
        let doctor = Doctor { findings: Vec::new(), mask, home };
        say(&format!("{program} {} --doctor", env!("CARGO_PKG_VERSION")));
        doctor
    }

    /// This name is told as this word, if names are hidden.
    pub fn hide(&mut self, name: &str, word: &str) {
        self.mask.iter_mut().for_each(|mask| mask.hide(name, word));
    }

    /// Tells of it.
    pub fn find(&mut self, finding: Finding) {
        let mut text = finding.to_string();
        // whose folder it is tells who somebody is
        if let Some(home) = &self.home {
            text = text.replace(home.as_str(), "~");
        }
        if let Some(mask) = &mut self.mask {
            text = mask.apply(&text);
        }
        say(&text);
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

/// Tries the disk of a folder, or of the one that it will be made in, for what is to go there.
pub fn disk(folder: &Path, must_exist: bool, load: Load) -> Finding {
    let there = match must_exist {
        true => folder,
        false => folder.ancestors().find(|above| above.is_dir()).unwrap_or(Path::new(".")),
    };
    match probe(there, DISK_BYTES, DISK_TIME) {
        Ok(Probe { free, speed, longest }) => board::disk(&Disk { free, speed, longest }, load),
        Err(error) => Finding::fail("disk", error.to_string()),
    }
}
