//! Opening and closing a camera beside the loop: a driver may take seconds for either, and clients must not notice.

use crate::app::exit::ExitError;
use crate::app::quantity::counted;
use crate::capture::{CaptureConfig, OpenError, Source, SourceSpec, v4l2};
use crate::sys::clock;
use crate::sys::worker::{Bell, Desk, Worker};
use crate::time::Time;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// udev gives a new node its group and its links a moment after it is there; on a busy board it is a longer one.
const UDEV_TAKES: Duration = Duration::from_secs(5);

/// Commands that may wait.
const COMMANDS: usize = 64;

enum Command {
    Open,
    Recheck(v4l2::Recheck),
    /// Whose order it is, and of which camera.
    Govern(Ticket, v4l2::Controls, v4l2::Order),
    /// The configured controls, which are these if they have changed, are to be set once more; at once if a camera is open.
    SetAnew(Option<v4l2::Controls>, Option<Vec<(String, String)>>),
    Close(Box<Source>),
}

/// Tells the orders of those who ask for controls apart.
pub type Ticket = u64;

/// What came of an opening.
pub type Opened = Result<Source, OpenError>;

/// What the thread has to tell.
pub enum News {
    /// An opening has succeeded or failed.
    Opened(Box<Opened>),
    /// What people are to know of a camera that was opened.
    Note(v4l2::Note),
    /// What came of an order to its controls.
    Governed(Ticket, v4l2::Outcome),
    /// The configured controls have been set once more.
    SetAnew,
}

/// A thread that opens and closes the camera, one after the other, and in between sees to its controls. It ends with the program:
/// a driver that hangs in the kernel cannot be waited for.
pub struct Opener(Worker<Command, News>);

impl Opener {
    /// Starts the thread.
    ///
    /// # Errors
    /// The process has no thread or no descriptor left.
    pub fn start(config: &CaptureConfig) -> Result<Self, ExitError> {
        let mut camera = Camera::new(config);
        let start = || {
            Worker::start("opener", COMMANDS, &Bell::new()?, move |commands, desk| {
                let _ = commands.iter().all(|command| camera.handle(command, &desk));
            })
        };
        start().map(Opener).map_err(|error| ExitError::system("the thread that opens the camera", &error))
    }

    /// Opens the camera, after what was asked before. [`take`](Self::take) has the result when the descriptor can be read.
    pub fn open(&self) {
        self.command(Command::Open);
    }

    /// Sees whether an open camera has kept its controls.
    pub fn recheck(&self, controls: v4l2::Recheck) {
        self.command(Command::Recheck(controls));
    }

    /// Has a camera's controls asked or set. False: too much waits already.
    pub fn govern(&self, ticket: Ticket, controls: v4l2::Controls, order: v4l2::Order) -> bool {
        self.0.send(Command::Govern(ticket, controls, order)).is_ok()
    }

    /// Sets the configured controls once more, of the camera if it is open; `wanted`: which have changed to these. To be asked
    /// again when there is news of it.
    pub fn set_anew(&self, controls: Option<v4l2::Controls>, wanted: Option<Vec<(String, String)>>) {
        self.command(Command::SetAnew(controls, wanted));
    }

    /// Closes what was opened.
    pub fn close(&self, source: Source) {
        self.command(Command::Close(Box::new(source)));
    }

    fn command(&self, command: Command) {
        // the thread lives as long as we do, and more than this never waits: each opening is awaited
        let _ = self.0.send(command);
    }

    /// The oldest news. To be asked until there is none.
    pub fn take(&mut self) -> Option<News> {
        self.0.bell().clear();
        self.0.take()
    }
}

impl AsFd for Opener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.bell().as_fd()
    }
}

/// The camera, as the thread has it.
struct Camera {
    config: CaptureConfig,
    /// Of a camera: which one it is.
    trace: Option<v4l2::Trace>,
    /// What is to be said of the camera that was just opened.
    note: Option<String>,
    /// What was said of its controls last.
    told: Vec<v4l2::Note>,
    /// Controls that were set since this camera was opened.
    changed: Vec<u32>,
    /// How it is away, if it was so at the latest attempt.
    away: Option<OpenError>,
    /// Since when there is a node that udev has not seen to.
    unfinished: Option<Time>,
    /// The others have been named since there was one.
    are_others_named: bool,
}

impl Camera {
    fn new(config: &CaptureConfig) -> Self {
        let trace = match &config.source {
            SourceSpec::Device(path) => Some(v4l2::Trace::new(path)),
            _ => None,
        };
        Camera {
            config: config.clone(),
            trace,
            note: None,
            told: Vec::new(),
            changed: Vec::new(),
            away: None,
            unfinished: None,
            are_others_named: false,
        }
    }

    /// False: nobody listens any more.
    fn handle(&mut self, command: Command, desk: &Desk<News>) -> bool {
        match command {
            Command::Open => {
                let opened = self.open();
                let note = self.note.take().map(v4l2::Note::Warning);
                desk.tell(News::Opened(Box::new(opened)))
                    && note.is_none_or(|note| desk.tell(News::Note(note)))
            }
            Command::Recheck(controls) => {
                let notes = controls.run(&self.changed);
                log::debug!("the controls have been looked at again");
                // the same camera does the same each time that it is opened
                let is_news = self.told != notes;
                self.told = notes;
                !is_news || self.told.iter().all(|note| desk.tell(News::Note(note.clone())))
            }
            Command::Govern(ticket, controls, order) => {
                let outcome = controls.follow(&order);
                drop(controls);
                if let v4l2::Outcome::Set(changes) = &outcome {
                    changes.iter().filter_map(v4l2::Change::lasting).for_each(|set| self.remember(set));
                }
                desk.tell(News::Governed(ticket, outcome))
            }
            Command::SetAnew(controls, wanted) => {
                if let Some(wanted) = wanted {
                    self.config.controls = wanted;
                }
                let notes = self.set_anew(controls);
                notes.into_iter().all(|it| desk.tell(News::Note(it))) && desk.tell(News::SetAnew)
            }
            Command::Close(source) => {
                if let Some(trace) = &mut self.trace {
                    trace.handle_closing();
                }
                drop(source);
                true
            }
        }
    }

    /// What was set is set again when the camera has been away.
    fn remember(&mut self, (id, (name, value)): (u32, (String, String))) {
        let changed = &mut self.config.changed_controls;
        changed.retain(|(known, _)| !v4l2::is_same_control(known, &name));
        changed.push((name, value));
        if !self.changed.contains(&id) {
            self.changed.push(id);
        }
    }

    /// What is configured holds again, and what was set since holds of other controls.
    fn set_anew(&mut self, controls: Option<v4l2::Controls>) -> Vec<v4l2::Note> {
        let CaptureConfig { controls: wanted, changed_controls, .. } = &mut self.config;
        let is_wanted = |name: &str| wanted.iter().any(|(other, _)| v4l2::is_same_control(other, name));
        changed_controls.retain(|(name, _)| !is_wanted(name));
        let Some(controls) = controls else { return Vec::new() };
        let (set, refused) = controls.set_anew(wanted);
        // what was to be looked at again was what held before
        self.changed.extend(set);
        let set = counted(wanted.len().saturating_sub(refused.len()) as u64, "control");
        let done = v4l2::Note::Info(format!("SIGHUP: {set} set as configured"));
        std::iter::once(done).chain(refused.into_iter().map(v4l2::Note::Warning)).collect()
    }

    fn open(&mut self) -> Opened {
        self.changed.clear();
        let mut opened = self.open_the_same();
        let error = match &mut opened {
            Ok(_) => {
                (self.are_others_named, self.away, self.unfinished) = (false, None, None);
                return opened;
            }
            Err(error) => error,
        };
        if let Some(away) = self.before_udev(error) {
            return Err(away);
        }
        // looking for others opens each of them: once
        if matches!(error, OpenError::Missing { .. }) && !std::mem::replace(&mut self.are_others_named, true)
        {
            error.name_cameras();
        }
        let is_away =
            matches!(error, OpenError::Missing { .. } | OpenError::Twin { .. } | OpenError::Stranger { .. });
        self.away = is_away.then(|| error.clone());
        opened
    }

    /// A node that has just come belongs to nobody, and has no links, until udev has seen to it: so long the camera is as far
    /// away as before.
    fn before_udev(&mut self, error: &OpenError) -> Option<OpenError> {
        use OpenError::{Forbidden, Stranger, Twin};
        if !matches!(error, Forbidden { .. } | Twin { link: None, .. } | Stranger { link: None, .. }) {
            self.unfinished = None;
            return None;
        }
        let away = self.away.as_ref()?;
        let now = clock::now();
        let since = *self.unfinished.get_or_insert(now);
        (now.since(since) < UDEV_TAKES).then(|| away.clone())
    }

    /// Opens the camera of before, and no other one.
    fn open_the_same(&mut self) -> Opened {
        let Some(trace) = &mut self.trace else { return Source::open(&self.config) };
        let path = trace.find()?;
        let source =
            Source::open(&CaptureConfig { source: SourceSpec::Device(path.clone()), ..self.config.clone() })?;
        // while it is open nobody else gets its number: is it still the one that was looked for?
        if trace.find().as_ref() != Ok(&path) {
            return Err(OpenError::missing(&path));
        }
        self.note = trace.handle_opened(&path);
        Ok(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn worker(away: Option<OpenError>) -> Camera {
        let camera = SourceSpec::Device("/dev/no-such-camera".into());
        Camera { away, ..Camera::new(&CaptureConfig::of(camera, |_| {})) }
    }

    #[test]
    fn what_udev_has_not_seen_to_is_as_far_away_as_before() {
        let path = PathBuf::from("/dev/video0");
        let missing = OpenError::missing(&path);
        let forbidden = OpenError::Forbidden { path: path.clone() };
        let stranger = |link| OpenError::Stranger { path: path.clone(), link };
        // nothing has come: it was there, and forbidden, from the beginning
        assert_eq!(worker(None).before_udev(&forbidden), None);
        let mut worker = worker(Some(missing.clone()));
        assert_eq!(worker.before_udev(&forbidden), Some(missing.clone()));
        assert_eq!(worker.before_udev(&stranger(None)), Some(missing));
        // udev has had its time
        worker.unfinished = Some(Time::default());
        assert_eq!(worker.before_udev(&forbidden), None);
        // or has done: the next node has its own
        assert_eq!(worker.before_udev(&stranger(Some("/dev/v4l/by-path/x".into()))), None);
        assert_eq!(worker.unfinished, None);
    }

    #[test]
    fn what_was_set_is_remembered_once_and_yields_to_what_is_configured() {
        let mut camera = worker(None);
        camera.config.controls = vec![("Brightness".into(), "5".into())];
        let set = |id, name: &str, value: &str| (id, (name.to_owned(), value.to_owned()));
        for (id, name, value) in
            [(1, "brightness", "7"), (2, "gain", "1"), (2, "Gain", "2"), (1, "brightness", "8")]
        {
            camera.remember(set(id, name, value));
        }
        assert_eq!(camera.changed, [1, 2]);
        let gain = ("Gain".to_owned(), "2".to_owned());
        assert_eq!(camera.config.changed_controls, [gain.clone(), ("brightness".into(), "8".into())]);
        assert_eq!(camera.set_anew(None), []);
        assert_eq!(camera.config.changed_controls, [gain]);
        let _ = camera.open();
        assert_eq!(camera.changed, [0; 0], "another opening");
    }

    #[test]
    fn an_absence_ends_with_any_other_trouble() {
        let mut worker = worker(None);
        assert!(matches!(worker.open(), Err(OpenError::Missing { .. })));
        assert!(matches!(worker.away, Some(OpenError::Missing { .. })));
        worker.trace = Some(v4l2::Trace::new("/dev/null".as_ref()));
        assert!(matches!(worker.open(), Err(OpenError::NotACamera { .. })));
        assert_eq!(worker.away, None);
    }
}
