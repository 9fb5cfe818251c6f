//! From the source to the reel: the source is opened and closed as the [supervisor](crate::supervisor) wants it, and each
//! of its frames is checked and laid in.
//!
//! Lives here: the loop's half of a source. Each frame is judged (`judge`), stamped and stored (`frames`); `raw` compresses,
//! `opener` opens beside the loop, `ending` waits at the end, `trouble` says what errors mean. May not live here: what a JPEG is,
//! when a camera is given up, who gets the frames.

pub mod ending;
pub mod frames;
pub mod judge;
pub mod opener;
pub mod raw;
pub mod trouble;

use super::config::Config;
use super::drops::DropReason;
use super::poll_set::{PollSet, Ready, Seat};
use super::report::Report;
use super::stats::Stats;
use crate::app::exit::{Exit, ExitError};
use crate::capture::v4l2::{self, Note, Outcome};
use crate::capture::{CaptureError, Description, Mode, Source, SourceSpec};
use crate::jpeg;
use crate::reel::Reel;
use crate::supervisor::{LostReason, Notice, Order, Signal, Supervisor, SupervisorConfig};
use crate::sys::hotplug::Hotplug;
use crate::time::Time;
use frames::Frames;
use judge::{Check, Judgement, judge};
use opener::{News, Opened, Opener, Ticket};
use raw::Raw;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;
use trouble::{failure_of_fault, open_failure, reason_of_error, reason_of_fault};

/// Kinds of [seats](Seat): the camera or what stands in for it, the thread that opens it, news of devices, SIGHUP.
const SOURCE: u8 = 0;
const OPENER: u8 = 1;
const HOTPLUG: u8 = 2;

/// Where device nodes come and go.
const DEVICES: &str = "/dev";

/// Between two files that arrive in a folder any time may pass: that is no loss of anything.
const ANY_TIME: Duration = Duration::from_secs(365 * 24 * 3600);

/// The source, for as long as the program runs.
pub struct Intake {
    plan: SupervisorConfig,
    supervisor: Supervisor,
    frames: Frames,
    source: Option<Source>,
    /// Opened, but not begun before the first client is there.
    held: Option<Source>,
    /// Of a camera without MJPEG: how its pictures become JPEGs.
    raw: Raw,
    /// What is compressed, in words.
    compressed: String,
    mode: Mode,
    /// It may be silent for as long as it likes.
    may_pause: bool,
    /// Only of a camera.
    opener: Option<Opener>,
    /// Only while a camera is waited for.
    hotplug: Option<Hotplug>,
    /// The configured controls are to be set once more, and are these if they have changed.
    is_to_set_anew: bool,
    wanted: Option<Vec<(String, String)>>,
    is_setting_anew: bool,
    /// Orders to the controls that have been answered, and the latest answer.
    answers: u64,
    answer: Option<(Ticket, Outcome)>,
    /// What a frame has to be.
    check: Check,
    /// What people call it.
    name: &'static str,
    /// The latest trouble, in words, and as an end of the program.
    trouble: String,
    failure: Option<ExitError>,
    is_over: bool,
}

impl Intake {
    /// Opens the source; a camera may take its time, and may be waited for.
    ///
    /// # Errors
    /// What is no camera has to be there at the start: one line and its exit code.
    pub fn start(config: &Config, now: Time) -> Result<Self, ExitError> {
        let is_camera = matches!(config.capture.source, SourceSpec::Device(_));
        let plan = SupervisorConfig {
            reopens: is_camera,
            on_demand: config.on_demand,
            exit_on_error: config.exit_on_device_error,
        };
        let mut intake = Intake {
            plan,
            supervisor: Supervisor::new(plan, now),
            frames: Frames::new(is_camera, config.capture.follow, config.sign.clone()),
            source: None,
            held: None,
            raw: Raw::new(config.quality),
            compressed: String::new(),
            mode: config.capture.mode,
            may_pause: config.capture.follow,
            opener: None,
            hotplug: None,
            is_to_set_anew: false,
            wanted: None,
            is_setting_anew: false,
            answers: 0,
            answer: None,
            check: if config.allow_truncated_frames { jpeg::check_header_only } else { jpeg::check },
            name: if is_camera { "camera" } else { "source" },
            trouble: String::new(),
            failure: None,
            is_over: false,
        };
        if is_camera {
            intake.opener = Some(Opener::start(&config.capture)?);
            intake.follow();
        } else {
            let source = Source::open(&config.capture).map_err(|error| open_failure(&error))?;
            if config.wait_for_client {
                let Description { name, path, .. } = source.describe();
                let what = if config.capture.source == SourceSpec::Stdin { name } else { path };
                log::info!("{what} begins when the first client is there");
                intake.held = Some(source);
            } else {
                intake.begin(source, now);
            }
        }
        Ok(intake)
    }

    /// What is no camera is open, and its life begins.
    fn begin(&mut self, source: Source, now: Time) {
        self.supervisor = Supervisor::new(self.plan, now);
        // the order to open is met
        while self.supervisor.poll_order().is_some() {}
        self.handle_opened(Ok(source), now);
    }

    /// Whether there is a picture to show.
    pub fn signal(&self) -> Signal {
        self.supervisor.signal()
    }

    /// No frame will come any more: the program has to end.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// How the program ends.
    ///
    /// # Errors
    /// What ended the source, if that ended the program, and was a failure.
    pub fn verdict(&self) -> Result<Exit, ExitError> {
        self.failure.clone().filter(|_| self.is_over).map_or(Ok(Exit::Ok), Err)
    }

    /// Adds the descriptors that are to be polled.
    pub fn register<'p>(&'p self, set: &mut PollSet<'p>) {
        if self.is_over {
            return;
        }
        if let Some(fd) = self.source.as_ref().and_then(Source::fd) {
            set.readable(Seat::only(SOURCE), fd);
        }
        if let Some(opener) = &self.opener {
            set.readable(Seat::only(OPENER), opener.as_fd());
        }
        if let Some(hotplug) = &self.hotplug {
            set.readable(Seat::only(HOTPLUG), hotplug.as_fd());
        }
    }

    /// A descriptor has answered.
    pub fn handle(
        &mut self,
        seat: Seat,
        ready: Ready,
        reel: &mut Reel,
        told: (&mut Stats, &mut Report),
        now: Time,
    ) {
        match seat.kind {
            OPENER => self.handle_opener(now),
            HOTPLUG => self.handle_hotplug(now),
            _ => self.handle_source(ready.failing, reel, told, now),
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), whoever answers.
    pub fn next_timeout(&self) -> Time {
        if self.is_over || self.held.is_some() {
            return Time::NEVER;
        }
        self.source_due().min(self.supervisor.next_timeout())
    }

    fn source_due(&self) -> Time {
        self.source.as_ref().and_then(Source::due).unwrap_or(Time::NEVER)
    }

    /// The opener has news.
    pub fn handle_opener(&mut self, now: Time) {
        while let Some(news) = self.opener.as_mut().and_then(Opener::take) {
            match news {
                News::Opened(opened) => self.handle_opened(*opened, now),
                News::Note(Note::Warning(text)) => log::warn!("{text}"),
                News::Note(Note::Info(text)) => log::info!("{text}"),
                News::Governed(ticket, outcome) => {
                    self.answers += 1;
                    self.answer = Some((ticket, outcome));
                }
                News::SetAnew => {
                    self.is_setting_anew = false;
                    self.follow_up();
                }
            }
        }
    }

    /// Has the camera's controls asked or set, beside the loop. [`answer`](Self::answer) is the answer, and
    /// [`answers`](Self::answers) has become more when it is there; only then another order may follow.
    ///
    /// # Errors
    /// Why that cannot be, in words.
    pub fn govern(&self, ticket: Ticket, order: v4l2::Order) -> Result<(), String> {
        let Some(opener) = &self.opener else { return Err("only a camera has controls".into()) };
        match self.source.as_ref().and_then(Source::controls) {
            Some(controls) => match opener.govern(ticket, controls, order) {
                true => Ok(()),
                false => Err("the camera has too much to do: try again".into()),
            },
            None => Err(match self.signal() {
                Signal::Lost { cause, .. } => format!("the camera's controls cannot be reached: {cause}"),
                Signal::Present => {
                    "the camera's controls cannot be reached: it is not open at present".into()
                }
            }),
        }
    }

    /// How many orders to the controls have been answered.
    pub fn answers(&self) -> u64 {
        self.answers
    }

    /// The latest answer, and whose it is.
    pub fn answer(&self) -> Option<&(Ticket, Outcome)> {
        self.answer.as_ref()
    }

    /// Has the configured controls set once more, which are these from now on; a source that is no camera has none.
    pub fn set_anew(&mut self, wanted: Option<Vec<(String, String)>>) {
        if self.opener.is_none() {
            return;
        }
        self.wanted = wanted.or(self.wanted.take());
        self.is_to_set_anew = true;
        if self.source.is_none() {
            log::info!("SIGHUP: the controls are set as configured when the camera is opened");
        }
        self.follow_up();
    }

    /// While a camera hangs, more wishes to have its controls set are one: the opener's queue is for openings first. One that is
    /// being opened may be so with the controls of before, and has them set when it is there.
    fn follow_up(&mut self) {
        let is_due = self.is_to_set_anew && !self.is_setting_anew;
        let Some(opener) = self.opener.as_ref().filter(|_| is_due) else { return };
        let controls = self.source.as_ref().and_then(Source::controls);
        if controls.is_none() && self.wanted.is_none() {
            return;
        }
        (self.is_to_set_anew, self.is_setting_anew) = (controls.is_none(), true);
        opener.set_anew(controls, self.wanted.take());
    }

    /// There may be a new device.
    pub fn handle_hotplug(&mut self, now: Time) {
        if self.hotplug.as_ref().is_some_and(Hotplug::take) {
            self.supervisor.handle_hint(now);
        }
    }

    /// Whether anybody watches.
    pub fn set_wanted(&mut self, wanted: bool, now: Time) {
        if let Some(source) = self.held.take_if(|_| wanted) {
            self.begin(source, now);
        }
        self.supervisor.set_wanted(wanted, now);
        self.raw.set_wanted(wanted);
        self.follow();
    }

    /// Takes a frame from the source, if there is one, and lays it into the reel. `is_failing`: poll says so.
    pub fn handle_source(
        &mut self,
        is_failing: bool,
        reel: &mut Reel,
        told: (&mut Stats, &mut Report),
        now: Time,
    ) {
        let (stats, report) = told;
        match self.take_frame(is_failing, reel, (stats, report), now) {
            Err(fault) => self.handle_fault(&fault, stats.frames, now),
            Ok(()) => {
                let recheck = self.source.as_mut().and_then(Source::take_recheck);
                if let (Some(controls), Some(opener)) = (recheck, &self.opener) {
                    opener.recheck(controls);
                }
            }
        }
        self.follow();
    }

    /// Deadlines have come.
    pub fn handle_timeout(&mut self, reel: &mut Reel, told: (&mut Stats, &mut Report), now: Time) {
        if now >= self.source_due() {
            self.handle_source(false, reel, told, now);
        }
        if now >= self.supervisor.next_timeout() {
            self.supervisor.handle_timeout(now);
        }
        self.follow();
    }

    fn take_frame(
        &mut self,
        is_failing: bool,
        reel: &mut Reel,
        (stats, report): (&mut Stats, &mut Report),
        now: Time,
    ) -> Result<(), CaptureError> {
        let Intake { source: Some(source), supervisor, check, raw, frames, .. } = self else {
            return Ok(());
        };
        if raw.is_behind() {
            let dropped = source.drop_older()?;
            stats.dropped.add_too_slow(dropped);
            report.too_slow(dropped, stats.dropped.too_slow(), raw.takes(), now);
        }
        let Some(lease) = source.grab(now)? else {
            // one that is not to be polled just now has its reason
            let is_failing = is_failing && source.fd().is_some();
            return if is_failing { Err(source.erring()) } else { Ok(()) };
        };
        match judge(&lease, raw, *check, reel, frames.adds()) {
            Judgement::Good { checked, is_new } => {
                supervisor.handle_frame(now);
                let stamp = frames.stamp(lease.stamp, report, now);
                let is_new = supervisor.take_discontinuity() || is_new;
                if frames.store(checked, stamp, is_new, reel, (stats, report), now) {
                    supervisor.set_interval(reel.fps().map(|fps| Duration::from_secs_f32(1.0 / fps)));
                }
            }
            Judgement::Unwatched => supervisor.handle_frame(now),
            Judgement::Damaged(flaw) => {
                supervisor.handle_damaged(now);
                stats.dropped.add(flaw.map_or(DropReason::Driver, DropReason::Jpeg));
                report.damaged(flaw, now);
            }
            Judgement::TooLarge(error) => {
                supervisor.handle_too_large(now);
                frames::too_large(error, (stats, report), now);
            }
            Judgement::Uncompressed(error) => {
                supervisor.handle_damaged(now);
                stats.dropped.add(DropReason::Uncompressed);
                report.not_compressed(&error, now);
            }
        }
        if let Some(cost) = raw.poll_cost(&self.compressed, reel.fps()) {
            log::info!("{cost}");
        }
        Ok(())
    }

    fn handle_opened(&mut self, opened: Opened, now: Time) {
        match opened {
            Ok(source) => {
                let description = source.describe();
                log::info!("source: {description}");
                description.notes.iter().for_each(|note| log::warn!("{note}"));
                let interval = description.rate.map(|rate| rate.at(1)).filter(|_| !self.may_pause);
                let lacks = if self.mode == Mode::Yuyv { "" } else { "this camera has no MJPEG: " };
                self.compressed = format!("{lacks}its {} pictures are", description.format);
                self.source = Some(source);
                self.frames.restart();
                self.raw.restart(interval);
                let usual = if self.may_pause { Some(ANY_TIME) } else { interval };
                self.supervisor.handle_opened(usual, now);
                self.follow_up();
            }
            Err(error) => {
                self.trouble = error.to_string();
                self.failure = Some(open_failure(&error));
                self.supervisor.handle_open_failed(reason_of_error(&error), error.may_pass(), now);
            }
        }
        self.follow();
    }

    fn handle_fault(&mut self, fault: &CaptureError, good: u64, now: Time) {
        self.trouble = fault.to_string();
        self.failure = failure_of_fault(fault, good);
        self.supervisor.handle_fault(reason_of_fault(fault), now);
    }

    /// Does what the supervisor wants done, and says what it wants said.
    fn follow(&mut self) {
        while let Some(order) = self.supervisor.poll_order() {
            let Some(opener) = &self.opener else { continue };
            match (order, self.source.take()) {
                (Order::Close, Some(source)) => opener.close(source),
                (Order::Close, None) => {}
                (Order::Open, _) => opener.open(),
            }
        }
        while let Some(notice) = self.supervisor.poll_notice() {
            self.say(notice);
        }
        match (self.supervisor.is_waiting(), &self.hotplug) {
            (true, None) => self.hotplug = Hotplug::listen(Path::new(DEVICES)).ok(),
            (false, Some(_)) => self.hotplug = None,
            _ => {}
        }
    }

    fn say(&mut self, notice: Notice) {
        let Intake { name, trouble, .. } = self;
        match notice {
            Notice::Waiting(_) => log::warn!("waiting for the {name}: {trouble}"),
            Notice::Stuck => {
                log::warn!("the {name}'s driver has not answered for 10 s: unplug it and plug it in again");
            }
            Notice::Frames { after } => {
                log::info!("the {name} gives frames after {:.1} s", after.as_secs_f32());
            }
            Notice::Lost(LostReason::Silent) if self.opener.is_some() => {
                log::warn!("no frame from the {name} for a while: it is reopened");
            }
            Notice::Lost(LostReason::Silent) => log::warn!("no frame from the {name} for a while"),
            Notice::Lost(LostReason::Damaged) => log::warn!("the {name} sends only damaged frames"),
            Notice::Lost(LostReason::TooLarge) => {
                log::warn!("every frame from the {name} is too large to be sent");
            }
            Notice::Lost(_) => log::warn!("the {name} is lost: {trouble}"),
            Notice::Asleep => log::info!("nobody watches: the {name} is off"),
            Notice::Awake => log::info!("somebody watches: the {name} is on"),
            Notice::Fatal(cause) => {
                if cause == LostReason::Silent {
                    self.failure = Some(ExitError::new(Exit::NoSource, format!("no frame from the {name}")));
                }
                if self.failure.is_none() {
                    log::info!("{trouble}");
                }
                self.is_over = true;
                match (&self.opener, self.source.take()) {
                    (Some(opener), Some(source)) => opener.close(source),
                    (_, source) => drop(source),
                }
            }
        }
    }
}
