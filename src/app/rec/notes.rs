//! What the threads beside the loop say, and what it brings about: who is told of it is the least of it.

use super::Recorder;
use super::config::Target;
use super::hooks::{FinishedFile, HookError, Hooks};
use super::report::json::{Figures, JsonEvent};
use super::report::people::{self, Context};
use super::writer::{Note, Segment};
use crate::app::exit::not_writable;
use crate::shown::{for_programs, shown};
use crate::store::Error as StoreError;
use crate::sys::clock;

/// Finished files that the account lists.
const LISTED_FILES: usize = 100;

impl Recorder<'_> {
    pub(super) fn read_notes(&mut self) {
        while let Some(note) = self.writer.poll() {
            self.on_note(note);
        }
        while let Some(HookError { path, why }) = self.after.as_mut().and_then(Hooks::poll) {
            log::warn!("--on-segment for {}: {why}", shown(&path));
            self.tell(&JsonEvent::CommandFailed { path: for_programs(&path), why });
        }
    }

    fn on_note(&mut self, note: Note) {
        if let Note::Spare(buffer) = note {
            return self.recycle(buffer);
        }
        self.say(&note);
        match note {
            Note::NotJpeg(_) => self.progress.handed = self.progress.handed.saturating_sub(1),
            Note::Finished(segment) => self.on_finished(*segment),
            Note::Failed(error) => {
                match error {
                    StoreError::Closed => self.was_closed = true,
                    error => self.failure = Some(not_writable(&error)),
                }
                self.stop(clock::now());
                self.writer.stop();
            }
            _ => {}
        }
    }

    /// Tells people and programs of a note.
    fn say(&mut self, note: &Note) {
        let times = match note {
            Note::Limit { .. } => self.limits.happened(clock::now()),
            _ => Some(1),
        };
        let is_folder = matches!(self.config.target, Target::Folder(_));
        if let Some((level, line)) = times.and_then(|times| people::line(note, Context { is_folder, times }))
        {
            log::log!(target: people::target(note), level, "{line}");
        }
        if let Some(feed) = &mut self.feed {
            JsonEvent::of(note).iter().for_each(|event| feed.say(event));
        }
    }

    fn on_finished(&mut self, segment: Segment) {
        let Segment { summary, contents, sidecar } = segment;
        if let (Some(after), Some(contents), Some(path)) = (&mut self.after, contents, summary.path.clone()) {
            let Figures { frames, missing, .. } = contents.figures;
            after.push(FinishedFile {
                name: self.config.target.name_of(&path).to_owned(),
                path,
                sidecar: sidecar.and_then(Result::ok),
                start: contents.start,
                end: contents.end,
                frames,
                missing,
            });
        }
        self.closed.add(&summary);
        if self.files.len() < LISTED_FILES {
            self.files.push(summary);
        }
    }
}
