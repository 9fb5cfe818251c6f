//! `camrec check --signed-by`: whether a recording is as the camera made it, with nothing changed, left out or put in.
//!
//! One row of frames goes through all files that are checked, in the order in which they were made. What is found is told with the
//! file in which it shows.

use super::lines::{LISTED, list, millis, show_time};
use crate::app::local_time;
use crate::app::quantity::counted;
use crate::jpeg;
use crate::shown::{for_programs, shown};
use crate::sign::chain::{Chain, Finding, STRETCHES, Stretch};
use crate::sign::keys::public_text;
use crate::sign::{Flaw, Mark, PublicKey, Seen, claimed, look, look_at_snapshot};
use crate::store::read::{self, Part, RecordingReader};
use crate::wire::FrameNumber;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Times in a file may be this far from those that were signed: it has microseconds.
const SLACK: Duration = Duration::from_millis(1);

/// Where a frame is in its file: how many are before it, and its time there in milliseconds.
type Place = (u64, u64);

/// Whose frames they should be, and the row of them so far.
pub(super) struct Witness {
    keys: Vec<PublicKey>,
    chain: Chain<Place>,
    findings: u64,
    faulty_files: u64,
    unread: u64,
    /// Files in which something else is wrong.
    unsound: u64,
    /// Pictures by themselves that are not proved.
    unproved: u64,
}

/// What is found in a file.
#[derive(Debug, Default, Serialize)]
pub(super) struct Proof {
    /// The first frame that was proved, and the last.
    first_frame: Option<u32>,
    last_frame: Option<u32>,
    findings: Vec<Item>,
    findings_in_all: u64,
    /// All frames, and those that have no signature.
    #[serde(skip)]
    frames: u64,
    #[serde(skip)]
    unsigned: u64,
    /// What is no fault, in words.
    #[serde(skip)]
    told: Vec<String>,
    #[serde(skip)]
    told_in_all: u64,
    /// Frames that stand at another time in the file, after the first, than was signed.
    other_times: u64,
    /// The first of them, and by how much.
    #[serde(skip)]
    first_other_time: Option<(Place, Duration)>,
    /// Each frame of the file has a time of its own.
    #[serde(skip)]
    has_times: bool,
    /// The first frame of this start of camcast, and its time in the file.
    #[serde(skip)]
    begun: Option<(Mark, Duration)>,
}

/// One finding.
#[derive(Debug, Serialize)]
struct Item {
    kind: &'static str,
    /// The frame of the file, counted from 0; null: it is about the file.
    frame: Option<u64>,
    at_ms: Option<u64>,
    /// Numbers of the camera's frames.
    first: Option<u32>,
    last: Option<u32>,
    count: u64,
    why: String,
}

/// What a sidecar says of numbers.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Account {
    stream: Option<String>,
    first_frame: Option<u32>,
    last_frame: Option<u32>,
    #[serde(default)]
    missing_ranges: Vec<MissingRange>,
}

#[derive(Debug, Deserialize)]
struct MissingRange {
    first: u32,
    last: u32,
    why: String,
}

/// The last line of `camrec check --json --signed-by`.
#[derive(Serialize)]
struct Proved {
    event: &'static str,
    as_made: bool,
    signed_by: Vec<String>,
    frames: u64,
    findings: u64,
    unread: u64,
    stretches: Vec<StretchLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

#[derive(Serialize)]
struct StretchLine {
    signed_by: String,
    stream: String,
    first_frame: u32,
    last_frame: u32,
    from: Option<String>,
    to: Option<String>,
}

impl Witness {
    /// Frames should be signed by one of these.
    pub(super) fn new(keys: Vec<PublicKey>) -> Self {
        Witness {
            keys,
            chain: Chain::default(),
            findings: 0,
            faulty_files: 0,
            unread: 0,
            unsound: 0,
            unproved: 0,
        }
    }

    /// A file could not be read: nobody knows what is in it.
    pub(super) fn unreadable(&mut self) {
        self.unread += 1;
    }

    /// Something stands there that is part of no recording, or should be and is not.
    pub(super) fn strange(&mut self) {
        self.findings += 1;
        self.faulty_files += 1;
    }

    /// In a file there is something else wrong than what is found here.
    pub(super) fn unsound(&mut self) {
        self.unsound += 1;
    }

    /// All that was checked, in a word.
    pub(super) fn is_as_made(&self) -> bool {
        self.faults().is_empty() && self.chain.frames() > 0
    }

    /// What keeps it from being so.
    fn faults(&self) -> String {
        let counts = [
            (self.unread, "file", "not read"),
            (self.unsound, "file", "not sound"),
            (self.unproved, "picture", "not proved"),
        ];
        let mut faults: Vec<String> = counts
            .iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, what, how)| format!("{} {how}", counted(*count, what)))
            .collect();
        if self.findings > 0 {
            let files = counted(self.faulty_files, "file");
            faults.insert(0, format!("{} in {files}", counted(self.findings, "finding")));
        }
        faults.join(", ")
    }

    /// The last lines, for people.
    pub(super) fn text(&self) -> String {
        let stretches = self.chain.stretches();
        let mut before: Option<&Stretch> = None;
        let lines = stretches.iter().map(|stretch| {
            let Stretch { key, first, last } = stretch;
            let lacking = match first.number.0.saturating_sub(1) {
                0 => String::new(),
                1 => ", whose frame 1 is not here".to_owned(),
                lacking => format!(", whose frames 1 to {lacking} are not here"),
            };
            let start = match before.replace(stretch) {
                None => String::new(),
                Some(before) if before.key != *key => {
                    format!("of another camera, {}{lacking}: ", public_text(key))
                }
                Some(_) => format!("after another start of camcast{lacking}: "),
            };
            let times = match (wall(first), wall(last)) {
                (Some(from), Some(to)) => format!(
                    " from {} to {}",
                    local_time::for_people(from, None),
                    local_time::for_people(to, Some(from))
                ),
                _ => ", at times that its clock did not know".to_owned(),
            };
            format!("{start}frames {} to {}{times}", first.number, last.number)
        });
        let mut all = Vec::new();
        list(&mut all, lines, stretches.len() as u64);
        let text = all.join("\n  ");
        match (self.is_as_made(), self.chain.frames()) {
            (true, _) if stretches.len() > 1 => {
                format!("as the camera made it, nothing left out within each start of camcast: {text}")
            }
            (true, _) => format!("as the camera made it, nothing left out: {text}"),
            (false, 0) => "NOT as the camera made it: no frame is signed by that key".to_owned(),
            (false, _) => format!("NOT as the camera made it: {}; proved: {text}", self.faults()),
        }
    }

    /// The last line, for programs.
    pub(super) fn json(&self) -> String {
        let stretches = self.chain.stretches().iter().map(|Stretch { key, first, last }| StretchLine {
            signed_by: public_text(key),
            stream: format!("{:016x}", first.stream.0),
            first_frame: first.number.0,
            last_frame: last.number.0,
            from: wall(first).map(local_time::rfc3339),
            to: wall(last).map(local_time::rfc3339),
        });
        let mut why = self.faults();
        if self.chain.stretches().len() >= STRETCHES {
            let gap = if why.is_empty() { "" } else { "; " };
            why += &format!("{gap}there are more starts of camcast than are listed");
        }
        let line = Proved {
            event: "proved",
            as_made: self.is_as_made(),
            signed_by: self.keys.iter().map(PublicKey::to_string).collect(),
            frames: self.chain.frames(),
            findings: self.findings,
            unread: self.unread,
            stretches: stretches.collect(),
            why: (!why.is_empty()).then_some(why),
        };
        serde_json::to_string(&line).unwrap_or_default() // it has no map whose keys are not text
    }
}

impl Proof {
    /// Of a file whose frames have times of their own, or have not.
    pub(super) fn new(has_times: bool) -> Self {
        Proof { has_times, ..Proof::default() }
    }

    /// The next frame, which so many are before.
    pub(super) fn frame(&mut self, jpeg: &[u8], before: u64, time: Duration, witness: &mut Witness) {
        let seen = look(jpeg, &witness.keys);
        self.frames += 1;
        self.unsigned += u64::from(matches!(seen, Seen::Flawed(Flaw::Unsigned, _)));
        let at = (before, millis(time));
        let proved = witness.chain.frame(seen, at, &mut |at, finding| self.enter(at, &finding));
        if let Some(mark) = proved {
            self.last_frame = Some(mark.number.0);
            self.first_frame = self.first_frame.or(self.last_frame);
            if self.has_times {
                self.compare_time(at, &mark, time);
            }
        }
    }

    /// A container's times are not signed; those in the frames are.
    fn compare_time(&mut self, at: Place, mark: &Mark, time: Duration) {
        let (first, begun) = match &self.begun {
            Some((first, begun)) if first.stream == mark.stream => (first, *begun),
            _ => return self.begun = Some((*mark, time)),
        };
        let signed = mark.stamp.captured.since(first.stamp.captured);
        let off = signed.abs_diff(time.saturating_sub(begun));
        if off > SLACK {
            self.other_times += 1;
            self.first_other_time.get_or_insert((at, off));
        }
    }

    /// Around its frames the file is another than they make it.
    pub(super) fn other_outline(&mut self) {
        let why = "the file's own head or index is not as camrec writes it for these frames: players may show others, or others first";
        self.enter_item(Item::of_file("changed", why.to_owned()));
    }

    /// The file ends.
    pub(super) fn end(&mut self, is_finished: bool, account: Option<&Account>, witness: &mut Witness) {
        witness.chain.pause(&mut |at, finding| self.enter(at, &finding));
        if self.frames > 0 && self.unsigned == self.frames {
            // as from before camcast had a key: one word is enough
            (self.findings, self.findings_in_all) = (Vec::new(), 0);
            let why = "the file is not signed: no frame of it has a signature".to_owned();
            self.enter_item(Item::of_file("put-in", why));
        }
        if !is_finished {
            let why = match self.last_frame {
                Some(last) => format!("the file's end is not there; the last frame that is proved is {last}"),
                None => "the file's end is not there".to_owned(),
            };
            self.enter_item(Item::of_file("cut-short", why));
        }
        if let Some(account) = account {
            self.compare(account);
        }
        witness.findings += self.findings_in_all;
        witness.faulty_files += u64::from(self.findings_in_all > 0);
    }

    /// Holds the numbers against those of the sidecar. The original protocol has numbers of its own.
    fn compare(&mut self, account: &Account) {
        let Account { stream: Some(_), first_frame, last_frame, missing_ranges } = account else { return };
        if let Some(first) = first_frame.filter(|first| self.first_frame.is_some_and(|is| is != *first)) {
            let why = format!("its sidecar says that it begins with the camera's frame {first}");
            self.enter_item(Item::of_file("cut-short", why));
        }
        if let Some(last) = last_frame.filter(|last| self.last_frame.is_some_and(|is| is != *last)) {
            let why = format!("its sidecar says that it ends with the camera's frame {last}");
            self.enter_item(Item::of_file("cut-short", why));
        }
        let known = |item: &Item| {
            let (first, last) = (item.first?, item.last?);
            let mut listed = missing_ranges.iter().take(LISTED);
            let range = listed.find(|range| range.first <= first && last <= range.last)?;
            // a word, as camrec writes them
            let is_word = range.why.len() < 20
                && range.why.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            is_word.then(|| range.why.clone())
        };
        for item in self.findings.iter_mut().filter(|item| item.kind == "left-out") {
            if let Some(why) = known(item) {
                item.why += &format!(" (camrec's own account has that: {why})");
            }
        }
    }

    fn enter(&mut self, at: Place, finding: &Finding) {
        if finding.is_fault() {
            return self.enter_item(Item::of(at, finding));
        }
        let Finding::Begins { number, is_first: false, other, .. } = finding else { return };
        self.told_in_all += 1;
        if self.told.len() < LISTED {
            let before = number.0.saturating_sub(1);
            let lacking = if before > 0 {
                format!(", of which {before} before it are not here")
            } else {
                String::new()
            };
            let start = match other {
                Some(key) => format!("another camera, {}", public_text(key)),
                None => "another start of camcast".to_owned(),
            };
            self.told.push(format!(
                "frame {} at {}: {start}; its frames begin with {number}{lacking}",
                at.0,
                show_time(at.1)
            ));
        }
    }

    fn enter_item(&mut self, item: Item) {
        self.findings_in_all += 1;
        if self.findings.len() < LISTED {
            self.findings.push(item);
        }
    }

    /// Faults, a line each.
    pub(super) fn faults(&self, to: &mut Vec<String>) {
        list(to, self.findings.iter().map(Item::line), self.findings_in_all);
    }

    /// What is to be said besides, a line each.
    pub(super) fn told(&self, to: &mut Vec<String>) {
        list(to, self.told.iter().cloned(), self.told_in_all);
        if let Some(((frame, at), off)) = self.first_other_time {
            let (count, off) = (counted(self.other_times, "frame"), off.as_secs_f64());
            let at = show_time(at);
            to.push(format!(
                "{count} at another time in the file than was signed, the first by {off:.3} s: frame {frame} at {at}"
            ));
        }
    }
}

impl Item {
    fn of_file(kind: &'static str, why: String) -> Self {
        Item { kind, frame: None, at_ms: None, first: None, last: None, count: 0, why }
    }

    fn of((frame, at_ms): Place, finding: &Finding) -> Self {
        let (kind, why) = words(finding);
        let (first, last, count) = match finding {
            Finding::LeftOut { first, last, count } => (Some(first.0), Some(last.0), u64::from(*count)),
            Finding::Changed { number, .. } => (number.map(|it| it.0), number.map(|it| it.0), 1),
            Finding::Twice(number)
            | Finding::Unlinked(number)
            | Finding::OutOfOrder { number, .. }
            | Finding::TooEarly { number, .. }
            | Finding::Backwards(number) => (Some(number.0), Some(number.0), 1),
            Finding::PutIn(_) | Finding::Returns(_) | Finding::Begins { .. } => (None, None, 1),
        };
        Item { kind, frame: Some(frame), at_ms: Some(at_ms), first, last, count, why }
    }

    fn line(&self) -> String {
        let kind = self.kind.replace('-', " ");
        match (self.frame, self.at_ms) {
            (Some(frame), Some(at)) => format!("frame {frame} at {}: {kind}: {}", show_time(at), self.why),
            _ => format!("{kind}: {}", self.why),
        }
    }
}

/// A finding's kind, for programs, and what it means, for people.
fn words(finding: &Finding) -> (&'static str, String) {
    match finding {
        Finding::Changed { number, flaw } => {
            let which = number.map_or("it".to_owned(), |number| format!("the camera's frame {number}"));
            ("changed", format!("{which} is not as the camera made it: {}", how(flaw)))
        }
        Finding::PutIn(flaw) => {
            ("put-in", format!("the camera did not make it, or not for here: {}", how(flaw)))
        }
        Finding::Twice(number) => ("put-in", format!("the camera's frame {number} once more")),
        Finding::OutOfOrder { number, behind } => {
            ("out-of-order", format!("the camera's frame {number}, behind its frame {behind}"))
        }
        Finding::TooEarly { number, before } => {
            ("out-of-order", format!("the camera's frame {number}, ahead of its frame {before}"))
        }
        Finding::Backwards(number) => (
            "out-of-order",
            format!(
                "the camera's frame {number} begins another start of camcast, and is older than the frame before it by the camera's clock"
            ),
        ),
        Finding::Returns(stream) => {
            ("out-of-order", format!("it is of a start of camcast that was over (stream {:016x})", stream.0))
        }
        Finding::Unlinked(number) => (
            "changed",
            format!("the camera's frame {number} was made after another frame than the one before it"),
        ),
        Finding::LeftOut { first, last, count } => ("left-out", left_out(*first, *last, *count)),
        Finding::Begins { .. } => ("begins", String::new()),
    }
}

fn left_out(first: FrameNumber, last: FrameNumber, count: u32) -> String {
    match last.since(first).unsigned_abs() {
        0 => format!("the camera's frame {first} is not here, before this one"),
        more if more + 1 == count => {
            format!("the camera's frames {first} to {last} are not here, before this one")
        }
        _ => format!("{count} of the camera's frames {first} to {last} are not here, before this one"),
    }
}

fn how(flaw: &Flaw) -> String {
    match flaw {
        Flaw::Unsigned => "it has no signature".to_owned(),
        Flaw::Stranger(key) => format!("it is signed by another key, {}", public_text(key)),
        Flaw::Broken => "its signature does not fit it".to_owned(),
    }
}

/// When a frame was captured, by the clock of the camera's machine.
fn wall(mark: &Mark) -> Option<Timestamp> {
    let micros = i64::try_from(mark.wall).ok().filter(|micros| *micros > 0)?;
    Timestamp::from_microsecond(micros).ok()
}

/// A picture by itself, as JSON.
#[derive(Serialize)]
struct PictureLine {
    event: &'static str,
    path: String,
    as_made: bool,
    stream: Option<String>,
    frame: Option<u32>,
    time: Option<String>,
    why: Option<String>,
}

impl Witness {
    /// A picture by itself, such as a snapshot: what is to be said of it, and whether it is as the camera made it. `None`: it is no
    /// JPEG.
    pub(super) fn picture(&mut self, path: &Path, json: bool) -> Option<(String, bool)> {
        let jpeg = read::picture(path).ok().filter(|bytes| jpeg::check_header_only(bytes).is_ok())?;
        let (mark, why) = match look_at_snapshot(&jpeg, &self.keys) {
            Seen::Proved(proof) => (Some(proof.mark), None),
            Seen::Flawed(flaw, _) => (None, Some(how(&flaw))),
        };
        let is_as_made = mark.is_some();
        self.unproved += u64::from(!is_as_made);
        if json {
            let line = PictureLine {
                event: "picture",
                path: for_programs(path),
                as_made: is_as_made,
                stream: mark.map(|mark| format!("{:016x}", mark.stream.0)),
                frame: mark.map(|mark| mark.number.0),
                time: mark.as_ref().and_then(wall).map(local_time::rfc3339),
                why,
            };
            return Some((serde_json::to_string(&line).unwrap_or_default(), is_as_made));
        }
        let path = shown(path);
        let text = match (mark, why) {
            (Some(mark), _) => {
                let at = wall(&mark).map(|at| format!(", at {}", local_time::for_people(at, None)));
                format!("{path}: as the camera made it: its frame {}{}", mark.number, at.unwrap_or_default())
            }
            (None, why) => format!("{path}: NOT as the camera made it: {}", why.unwrap_or_default()),
        };
        Some((text, is_as_made))
    }
}

/// Frames of a file that are looked at for one that is proved.
const LOOKED_AT: usize = 100;

/// Recordings in the order in which they were made, as their first proved frames say: names are not signed. One that proves nothing
/// stays behind the one before it.
pub(super) fn in_order(paths: &mut Vec<PathBuf>, witness: &Witness) {
    let marks: Vec<_> = paths.iter().map(|path| first_of(path, &witness.keys)).collect();
    // starts of camcast by their times, or as they come
    let mut starts = HashMap::new();
    for mark in marks.iter().flatten() {
        let count = starts.len();
        let (wall, _) = starts.entry(mark.stream.0).or_insert((mark.wall, count));
        *wall = (*wall).min(mark.wall);
    }
    let mut before = ((0, 0), 0);
    let mut placed: Vec<_> = paths
        .drain(..)
        .zip(&marks)
        .map(|(path, mark)| {
            if let Some(mark) = mark {
                let start = starts.get(&mark.stream.0).copied().unwrap_or_default();
                before = (start, mark.number.0);
            }
            (before, path)
        })
        .collect();
    placed.sort_by_key(|(place, _)| *place);
    paths.extend(placed.into_iter().map(|(_, path)| path));
}

/// The first frame that is proved: what others claim may be anything. None of the first ones is: the first claim there is.
fn first_of(path: &Path, keys: &[PublicKey]) -> Option<Mark> {
    let (mut film, mut jpeg) = (RecordingReader::open(path).ok()?, Vec::new());
    let mut claim = None;
    for _ in 0..LOOKED_AT {
        match film.next(&mut jpeg).ok()? {
            Part::Frame(_) => match look(&jpeg, keys) {
                Seen::Proved(proof) => return Some(proof.mark),
                Seen::Flawed(..) => claim = claim.or_else(|| claimed(&jpeg).map(|(mark, _)| mark)),
            },
            Part::Damage(_) => {}
            Part::End => break,
        }
    }
    claim
}
