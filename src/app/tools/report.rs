//! `camrec check`: is everything in a file that should be there, and does every picture decode? A picture of a form that is not
//! decoded here is neither sound nor broken.

use super::lines::{LISTED, SHOWN, list, millis, show_time};
use super::progress::Progress;
use super::proof::{Account, Proof, Witness};
use crate::app::local_time;
use crate::app::quantity::{show_bytes, show_duration};
use crate::jpeg::{self, Size};
use crate::picture::{self, Decoder, Scale};
use crate::record::gaps::Gaps;
use crate::shown::{for_programs, shown};
use crate::store::read::{Part, RecordingReader};
use crate::store::{Error, outline, sidecar};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;

/// This many sizes of a file's pictures are told apart.
const SIZES: usize = 100;

/// What is to be said of a file in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All of it was read, and nothing is wrong.
    Sound,
    /// Something is wrong.
    NotSound,
    /// Nothing was found wrong, but there are pictures of which nobody here can tell.
    NotJudged,
}

impl Verdict {
    fn words(self) -> &'static str {
        match self {
            Verdict::Sound => "sound",
            Verdict::NotSound => "NOT SOUND",
            Verdict::NotJudged => "NOT JUDGED",
        }
    }
}

/// What there is to say of a file; as JSON, a line of `camrec check --json`.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    event: &'static str,
    path: String,
    /// Nothing is wrong with it; null: that cannot be told of all of it.
    sound: Option<bool>,
    finished: bool,
    start: String,
    width: u16,
    height: u16,
    frames: u64,
    duration_ms: u64,
    fps: f64,
    file_bytes: u64,
    gaps: Vec<Gap>,
    gaps_in_all: u64,
    damage: Vec<Damage>,
    damaged_bytes: u64,
    bad_frames: Vec<BadFrame>,
    bad_frames_in_all: u64,
    unjudged_frames: Vec<BadFrame>,
    unjudged_frames_in_all: u64,
    other_sizes: Vec<OtherSize>,
    frames_of_other_sizes: u64,
    sidecar: Option<Beside>,
    sidecar_error: Option<String>,
    /// What was held against the camera's key, if that was named.
    proof: Option<Proof>,
}

/// A file that cannot be read, as JSON.
#[derive(Debug, Serialize)]
struct Unreadable {
    event: &'static str,
    path: String,
    sound: bool,
    error: String,
}

/// A file that is no recording, as JSON.
#[derive(Debug, Serialize)]
struct Skipped {
    event: &'static str,
    path: String,
}

/// Frames came later than usual.
#[derive(Clone, Copy, Debug, Serialize)]
struct Gap {
    /// The frame before, counted from 0.
    after: u64,
    at_ms: u64,
    length_ms: u64,
}

/// Bytes that are no frames.
#[derive(Debug, Serialize)]
struct Damage {
    offset: u64,
    bytes: u64,
    /// Frames before them.
    after: u64,
}

/// Pictures of another size than the first: where sizes flip they share a file.
#[derive(Debug, Serialize)]
struct OtherSize {
    width: u16,
    height: u16,
    frames: u64,
}

/// A frame that is no whole picture, or of which that cannot be told.
#[derive(Debug, Serialize)]
struct BadFrame {
    frame: u64,
    at_ms: u64,
    why: String,
}

/// What a sidecar says of its file.
#[derive(Debug, Deserialize, Serialize)]
struct Beside {
    frames: u64,
    file_bytes: u64,
    missing: u64,
    camera_drops: u64,
    camera_absences: u64,
}

/// As [`Report::json`], for a file of which nothing is known.
pub(super) fn unreadable(path: &Path, error: &Error) -> String {
    strange(path, &error.to_string())
}

/// Likewise, of what is no recording and should not be there.
pub(super) fn strange(path: &Path, why: &str) -> String {
    let (path, error) = (for_programs(path), why.to_owned());
    serde_json::to_string(&Unreadable { event: "checked", path, sound: false, error }).unwrap_or_default()
}

/// As [`Report::json`], for a file that is no recording.
pub(super) fn skipped(path: &Path) -> String {
    serde_json::to_string(&Skipped { event: "skipped", path: for_programs(path) }).unwrap_or_default()
}

/// Reads a file from its begin to its end.
pub(super) fn check(
    path: &Path,
    decoder: &mut Decoder,
    progress: &mut Progress,
    mut witness: Option<&mut Witness>,
) -> Result<Report, Error> {
    let mut film = RecordingReader::open(path)?;
    let size = film.size();
    let (beside, account, sidecar_error) = match read_sidecar(path) {
        // numbers are for --signed-by alone
        Ok(Some((beside, Err(why)))) if witness.is_some() => (Some(beside), None, Some(why)),
        Ok(Some((beside, account))) => (Some(beside), account.ok(), None),
        Ok(None) => (None, None, None),
        Err(why) => (None, None, Some(why)),
    };
    let mut report = Report {
        event: "checked",
        path: for_programs(path),
        sound: None,
        finished: film.is_finished(),
        start: local_time::rfc3339(film.started()),
        width: size.width,
        height: size.height,
        frames: 0,
        duration_ms: 0,
        fps: 0.0,
        file_bytes: film.bytes()?,
        gaps: Vec::new(),
        gaps_in_all: 0,
        damage: Vec::new(),
        damaged_bytes: 0,
        bad_frames: Vec::new(),
        bad_frames_in_all: 0,
        unjudged_frames: Vec::new(),
        unjudged_frames_in_all: 0,
        other_sizes: Vec::new(),
        frames_of_other_sizes: 0,
        sidecar: beside,
        sidecar_error,
        proof: witness.as_ref().map(|_| Proof::new(film.has_times())),
    };
    let last = report.read(&mut film, decoder, progress, witness.as_deref_mut())?;
    if let (Some(proof), Some(witness)) = (&mut report.proof, witness) {
        // with damage there is no saying what belongs where
        if report.finished && report.damaged_bytes == 0 && !outline::is_as_written(&film)? {
            proof.other_outline();
        }
        proof.end(report.finished, account.as_ref(), witness);
        if !report.faults_beside_proof().is_empty() {
            witness.unsound();
        }
    }
    let steps = report.frames.saturating_sub(1);
    report.duration_ms = millis(last);
    if steps > 0 && !last.is_zero() {
        report.fps = (steps as f64 / last.as_secs_f64() * 1000.0).round() / 1000.0;
    }
    report.sound = match report.verdict() {
        Verdict::Sound => Some(true),
        Verdict::NotSound => Some(false),
        Verdict::NotJudged => None,
    };
    Ok(report)
}

impl Report {
    /// All frames; returns the last one's time.
    fn read(
        &mut self,
        film: &mut RecordingReader,
        decoder: &mut Decoder,
        progress: &mut Progress,
        mut witness: Option<&mut Witness>,
    ) -> Result<Duration, Error> {
        let (mut jpeg, mut last, mut gaps) = (Vec::new(), None, Gaps::default());
        loop {
            progress.show(film.path(), film.position(), film.extent());
            match film.next(&mut jpeg)? {
                Part::Frame(time) => {
                    self.judge(&jpeg, time, last.is_none_or(|last| time > last), decoder);
                    if let (Some(proof), Some(witness)) = (&mut self.proof, witness.as_deref_mut()) {
                        proof.frame(&jpeg, self.frames, time, witness);
                    }
                    if let Some(before) = last.replace(time) {
                        let length = time.saturating_sub(before);
                        let gap = Gap {
                            after: self.frames.saturating_sub(1),
                            at_ms: millis(before),
                            length_ms: millis(length),
                        };
                        let micros = u32::try_from(length.as_micros()).unwrap_or(u32::MAX);
                        gaps.step(micros, gap).into_iter().for_each(|gap| self.enter_gap(gap));
                    }
                    self.frames += 1;
                }
                Part::Damage(range) => {
                    let bytes = range.end - range.start;
                    self.damaged_bytes += bytes;
                    if self.damage.len() < LISTED {
                        self.damage.push(Damage { offset: range.start, bytes, after: self.frames });
                    }
                }
                Part::End => break,
            }
        }
        gaps.end().for_each(|gap| self.enter_gap(gap));
        Ok(last.unwrap_or_default())
    }

    fn enter_gap(&mut self, gap: Gap) {
        self.gaps_in_all += 1;
        if self.gaps.len() < LISTED {
            self.gaps.push(gap);
        }
    }

    /// Enters the next frame. `is_later`: than the one before.
    fn judge(&mut self, jpeg: &[u8], time: Duration, is_later: bool, decoder: &mut Decoder) {
        let (frame, at_ms) = (self.frames, millis(time));
        let bad = |why| BadFrame { frame, at_ms, why };
        let add = |list: &mut Vec<BadFrame>, all: &mut u64, why| {
            *all += 1;
            if list.len() < LISTED {
                list.push(bad(why));
            }
        };
        let checked = match jpeg::check(jpeg) {
            Ok(checked) if is_later => checked,
            Ok(_) => {
                let why = "its time is not after that of the frame before".to_owned();
                return add(&mut self.bad_frames, &mut self.bad_frames_in_all, why);
            }
            Err(flaw) => return add(&mut self.bad_frames, &mut self.bad_frames_in_all, flaw.to_string()),
        };
        self.enter_size(checked.size());
        // all of it is read whatever the scale, and the smallest takes the least time
        match decoder.decode(jpeg, Scale::SMALLEST) {
            Ok(_) => {}
            Err(error) if error.is_ours() => {
                add(&mut self.unjudged_frames, &mut self.unjudged_frames_in_all, in_full(&error));
            }
            Err(error) => add(&mut self.bad_frames, &mut self.bad_frames_in_all, in_full(&error)),
        }
    }

    fn enter_size(&mut self, Size { width, height }: Size) {
        if (width, height) == (self.width, self.height) {
            return;
        }
        self.frames_of_other_sizes += 1;
        let has_room = self.other_sizes.len() < SIZES;
        match self.other_sizes.iter_mut().find(|other| (other.width, other.height) == (width, height)) {
            Some(other) => other.frames += 1,
            None if has_room => self.other_sizes.push(OtherSize { width, height, frames: 1 }),
            None => {}
        }
    }

    /// In a word.
    pub(super) fn verdict(&self) -> Verdict {
        match (self.faults().is_empty(), self.unjudged_frames_in_all) {
            (false, _) => Verdict::NotSound,
            (true, 0) => Verdict::Sound,
            (true, _) => Verdict::NotJudged,
        }
    }

    /// What is wrong, a line each.
    fn faults(&self) -> Vec<String> {
        let mut faults = self.faults_beside_proof();
        self.proof.iter().for_each(|proof| proof.faults(&mut faults));
        faults
    }

    /// What is wrong, whoever has made the frames.
    fn faults_beside_proof(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if !self.finished {
            faults.push("not finished: it is still recorded to, or its recorder was cut off; the next camrec in its folder repairs it".into());
        }
        let damage = self.damage.iter().map(|damage| {
            let Damage { offset, bytes, after } = damage;
            format!("{bytes} bytes at {offset} are no frame (after {after} frames)")
        });
        list(&mut faults, damage, self.damage.len() as u64);
        list(&mut faults, self.bad_frames.iter().map(BadFrame::line), self.bad_frames_in_all);
        if let Some(beside) = &self.sidecar {
            if beside.frames != self.frames {
                faults.push(format!("its sidecar knows of {} frames", beside.frames));
            }
            if beside.file_bytes != self.file_bytes {
                faults.push(format!("its sidecar says that it has {} bytes", beside.file_bytes));
            }
        }
        faults.extend(self.sidecar_error.as_ref().map(|why| format!("its sidecar: {why}")));
        faults
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let Report { frames, width, height, fps, .. } = self;
        let path = shown(&self.path);
        let (duration, bytes) =
            (show_duration(Duration::from_millis(self.duration_ms)), show_bytes(self.file_bytes));
        let word = self.verdict().words();
        let start = self.start.replace('T', " ");
        let mut text = format!(
            "{path}: {word}; {frames} frames, {duration} from {start}, {width}x{height}, {fps:.2} fps, {bytes}"
        );
        let mut lines = self.faults();
        list(&mut lines, self.unjudged_frames.iter().map(BadFrame::line), self.unjudged_frames_in_all);
        if self.frames_of_other_sizes > 0 {
            let shown = self.other_sizes.iter().take(SHOWN);
            let sizes: Vec<String> =
                shown.map(|other| format!("{} of {}x{}", other.frames, other.width, other.height)).collect();
            let (all, sizes) = (self.frames_of_other_sizes, sizes.join(", "));
            lines.push(format!("{all} frames are of another size: {sizes}"));
        }
        self.proof.iter().for_each(|proof| proof.told(&mut lines));
        let gaps = self.gaps.iter().map(|gap| {
            let length = Duration::from_millis(gap.length_ms).as_secs_f64();
            format!("no frame for {length:.3} s after {} (frame {})", show_time(gap.at_ms), gap.after)
        });
        list(&mut lines, gaps, self.gaps_in_all);
        if let Some(Beside { missing, camera_drops, camera_absences, .. }) = &self.sidecar {
            if missing + camera_drops + camera_absences > 0 {
                lines.push(format!("its sidecar: missing {missing}, camera's own drops {camera_drops}, the camera was away {camera_absences} times"));
            }
        }
        for line in lines {
            text.push_str("\n  ");
            text.push_str(&line);
        }
        text
    }

    /// For programs.
    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() // it has no map whose keys are not text
    }
}

impl BadFrame {
    fn line(&self) -> String {
        format!("frame {} at {}: {}", self.frame, show_time(self.at_ms), self.why)
    }
}

fn in_full(error: &picture::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// A sidecar: what it says of its file, and of numbers.
type Read = (Beside, Result<Account, String>);

/// None if there is none.
fn read_sidecar(recording: &Path) -> Result<Option<Read>, String> {
    let text = sidecar::read(recording).map_err(|why| why.to_string())?;
    let read = |text: Vec<u8>| {
        let beside = serde_json::from_slice(&text).map_err(|why| why.to_string())?;
        Ok((beside, serde_json::from_slice(&text).map_err(|why| why.to_string())))
    };
    text.map(read).transpose()
}
