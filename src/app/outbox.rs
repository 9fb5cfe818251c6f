//! What is said waits here until whoever it is for takes it: a terminal may be stopped, a pipe unread, a disk may hang, and
//! neither frames nor clients wait for that.
//!
//! So much and no more is kept; what finds no room is lost, and counted. What poll can ask is written to by whoever speaks, as far
//! as it takes it, and by the program's loop when it takes more. A file is written to by a thread of its own: poll calls it
//! ready, whatever its disk does.

use crate::sys::clock;
use crate::sys::outlet::Outlet;
use crate::sys::poll::{self, PollFlags};
use nix::poll::PollFd;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes that wait: some hundred lines.
const ROOM: usize = 64 * 1024;

/// At the end of the program a reader has so long to read what is left.
const PATIENCE: Duration = Duration::from_secs(1);

/// A disk gets longer: it is slow, not absent.
const DISKS_PATIENCE: Duration = Duration::from_secs(5);

/// What makes a line of a terminal empty again.
const CLEAR: &[u8] = b"\r\x1b[K";

/// Words on their way out. The default is one that throws them away.
#[derive(Default)]
pub struct Outbox {
    shared: Arc<Shared>,
    /// The line that says how many were lost; without one, [`take_news`](Outbox::take_news) has the number.
    loss: Option<fn(u64) -> String>,
}

#[derive(Default)]
struct Shared {
    outlet: Option<Outlet>,
    queue: Mutex<Queue>,
    /// Something waits for poll.
    is_waiting: AtomicBool,
    /// The outlet has failed, or lines were lost, since somebody asked.
    has_news: AtomicBool,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    bytes: VecDeque<u8>,
    lost: u64,
    /// The line that is renewed in its place, if it is to be.
    live: Option<String>,
    /// It is what the terminal's last line shows.
    is_live_shown: bool,
    error: Option<io::Error>,
    /// The thread has taken some, and is not done with them.
    is_writing: bool,
    is_closed: bool,
}

impl Outbox {
    /// An outbox before `outlet`; without one all is thrown away.
    ///
    /// # Errors
    /// The process has no thread left for a file.
    pub fn new(outlet: Option<Outlet>, loss: Option<fn(u64) -> String>) -> io::Result<Self> {
        let queue = Queue { bytes: VecDeque::with_capacity(ROOM), ..Queue::default() };
        let shared = Arc::new(Shared { outlet, queue: Mutex::new(queue), ..Shared::default() });
        if shared.needs_thread() {
            let ours = Arc::clone(&shared);
            thread::Builder::new().name("words".into()).spawn(move || ours.work())?;
        }
        Ok(Outbox { shared, loss })
    }

    /// Says a line, which has its newline.
    pub fn say(&self, line: &[u8]) {
        let mut queue = self.shared.lock();
        self.tell_losses(&mut queue);
        if queue.bytes.len() + CLEAR.len() + line.len() > ROOM {
            queue.lost += 1;
            self.shared.has_news.store(true, Ordering::Relaxed);
        } else {
            queue.hide();
            queue.bytes.extend(line);
        }
        self.pass_on(&mut queue);
    }

    /// Says the last lines: they have room however many wait.
    pub fn say_last(&self, line: &[u8]) {
        let mut queue = self.shared.lock();
        self.tell_losses(&mut queue);
        queue.hide();
        queue.live = None;
        queue.bytes.extend(line);
        self.pass_on(&mut queue);
    }

    /// Shows a line that is renewed in its place; of those that are not out yet the newest counts.
    pub fn show(&self, line: String) {
        let mut queue = self.shared.lock();
        queue.live = Some(line);
        self.pass_on(&mut queue);
    }

    /// Shows none any more.
    pub fn hide(&self) {
        let mut queue = self.shared.lock();
        queue.live = None;
        queue.hide();
        self.pass_on(&mut queue);
    }

    /// What to ask poll for, if something waits: when it can be written, [`drain`](Self::drain) is to be called.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        let is_waiting = self.shared.is_waiting.load(Ordering::Relaxed);
        self.shared.outlet.as_ref().filter(|_| is_waiting).map(AsFd::as_fd)
    }

    /// Writes what waits, as far as it is taken.
    pub fn drain(&self) {
        let mut queue = self.shared.lock();
        self.pass_on(&mut queue);
        self.tell_losses(&mut queue);
        self.pass_on(&mut queue);
    }

    /// Why nothing comes out any more, and how many lines were lost, each since the last call; cheap if there is nothing.
    pub fn take_news(&self) -> Option<(Option<io::Error>, u64)> {
        if !self.shared.has_news.swap(false, Ordering::Relaxed) {
            return None;
        }
        let mut queue = self.shared.lock();
        Some((queue.error.take(), std::mem::take(&mut queue.lost)))
    }

    /// Waits until everything is out, but no longer than whoever reads is likely to need.
    pub fn finish(&self) {
        let Some(outlet) = &self.shared.outlet else { return };
        if self.shared.needs_thread() {
            let is_busy = |queue: &mut Queue| !queue.bytes.is_empty() || queue.is_writing;
            let queue = self.shared.lock();
            let waited = self.shared.changed.wait_timeout_while(queue, DISKS_PATIENCE, is_busy);
            drop(waited);
            return;
        }
        let until = clock::now().after(PATIENCE);
        self.drain();
        while self.fd().is_some() && clock::now() < until {
            let mut fds = [PollFd::new(outlet.as_fd(), PollFlags::POLLOUT)];
            if poll::wait(&mut fds, until, clock::now()).is_err() {
                return;
            }
            self.drain();
        }
    }

    /// Once there is room again.
    fn tell_losses(&self, queue: &mut Queue) {
        if let (Some(loss), true, true) = (self.loss, queue.lost > 0, queue.bytes.len() <= ROOM / 2) {
            queue.hide();
            queue.bytes.extend(loss(queue.lost).as_bytes());
            queue.lost = 0;
        }
    }

    fn pass_on(&self, queue: &mut Queue) {
        match &self.shared.outlet {
            None => queue.forget(),
            Some(_) if self.shared.needs_thread() => self.shared.changed.notify_all(),
            Some(outlet) => self.shared.write(outlet, queue),
        }
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.finish();
        self.shared.lock().is_closed = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn needs_thread(&self) -> bool {
        self.outlet.as_ref().is_some_and(Outlet::may_wait)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // whoever has panicked has left whole lines
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, outlet: &Outlet, queue: &mut Queue) {
        loop {
            queue.unfold();
            if queue.bytes.is_empty() {
                break;
            }
            // a pipe takes a line whole or not at all, whoever else writes to it
            let line = queue.bytes.make_contiguous();
            let end = line.iter().position(|byte| *byte == b'\n').map_or(line.len(), |at| at + 1);
            match outlet.write(&line[..end]) {
                Ok(0) => break,
                Ok(count) => drop(queue.bytes.drain(..count)),
                Err(error) => self.fail(queue, error),
            }
        }
        self.is_waiting.store(!queue.bytes.is_empty(), Ordering::Relaxed);
    }

    fn fail(&self, queue: &mut Queue, error: io::Error) {
        queue.forget();
        queue.error = Some(error);
        self.has_news.store(true, Ordering::Relaxed);
    }

    /// A file's thread.
    fn work(&self) {
        let Some(outlet) = &self.outlet else { return };
        let mut taken = Vec::with_capacity(ROOM);
        let mut queue = self.lock();
        loop {
            queue.unfold();
            if queue.bytes.is_empty() {
                queue.is_writing = false;
                self.changed.notify_all();
                if queue.is_closed {
                    return;
                }
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            taken.extend(queue.bytes.drain(..));
            queue.is_writing = true;
            drop(queue);
            let written = outlet.turn_over(taken.len() as u64).and_then(|()| write_all(outlet, &taken));
            taken.clear();
            queue = self.lock();
            if let Err(error) = written {
                self.fail(&mut queue, error);
            }
        }
    }
}

impl Queue {
    /// Room for other lines.
    fn hide(&mut self) {
        if std::mem::take(&mut self.is_live_shown) {
            self.bytes.extend(CLEAR);
        }
    }

    /// The live line comes when all others are out.
    fn unfold(&mut self) {
        if !self.bytes.is_empty() {
            return;
        }
        if let Some(line) = self.live.take() {
            self.bytes.extend(b"\r");
            self.bytes.extend(line.as_bytes());
            self.bytes.extend(b"\x1b[K");
            self.is_live_shown = true;
        }
    }

    fn forget(&mut self) {
        self.bytes.clear();
        self.live = None;
        self.is_live_shown = false;
    }
}

fn write_all(outlet: &Outlet, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = outlet.write(bytes)?;
        bytes = &bytes[count.min(bytes.len())..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::fcntl::OFlag;
    use nix::unistd::pipe2;
    use std::fs::File;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    fn pipe(loss: Option<fn(u64) -> String>) -> (File, Outbox) {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC).unwrap();
        let outlet = Outlet::of(writer.as_fd()).unwrap();
        (reader.into(), Outbox::new(Some(outlet), loss).unwrap())
    }

    fn loss(count: u64) -> String {
        format!("{count} lost\n")
    }

    /// This many lines of a thousand bytes, numbered.
    fn say(outbox: &Outbox, numbers: std::ops::Range<u32>) {
        numbers.for_each(|number| outbox.say(format!("{number:999}\n").as_bytes()));
    }

    /// All that comes, with what the end of the outbox brings.
    fn read_out(mut reader: impl Read + Send + 'static, outbox: Outbox) -> String {
        let drained = thread::spawn(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            text
        });
        drop(outbox);
        drained.join().unwrap()
    }

    #[test]
    fn a_pipe_that_is_not_read_loses_the_newest_whole_lines_and_says_how_many() {
        let (reader, outbox) = pipe(Some(loss));
        say(&outbox, 0..1000);
        assert!(outbox.fd().is_some(), "it waits");
        outbox.finish();
        assert!(outbox.fd().is_some(), "and has not waited for ever");
        let text = read_out(reader, outbox);
        let numbers: Vec<&str> = text.lines().map(str::trim).collect();
        let (last, lines) = numbers.split_last().unwrap();
        assert_eq!(lines, (0..lines.len()).map(|number| number.to_string()).collect::<Vec<_>>());
        assert_eq!(*last, format!("{} lost", 1000 - lines.len()));
    }

    #[test]
    fn losses_that_nobody_words_can_be_asked_for() {
        let (reader, outbox) = pipe(None);
        assert!(outbox.take_news().is_none());
        say(&outbox, 0..1000);
        let (error, lost) = outbox.take_news().unwrap();
        assert!(error.is_none() && (800..1000).contains(&lost), "{lost}");
        assert!(outbox.take_news().is_none());
        drop(reader);
        outbox.drain();
        assert!(outbox.take_news().unwrap().0.is_some());
        assert!(outbox.fd().is_none(), "nobody is asked for what is over");
    }

    #[test]
    fn of_a_line_that_is_renewed_the_newest_counts_and_others_are_between() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let outbox = Outbox::new(Some(Outlet::of(theirs.as_fd()).unwrap()), None).unwrap();
        outbox.show("1".into());
        outbox.say(b"a\n");
        outbox.say(b"b\n");
        outbox.show("2".into());
        outbox.hide();
        outbox.hide();
        drop((outbox, theirs));
        let mut text = String::new();
        ours.read_to_string(&mut text).unwrap();
        assert_eq!(text, "\r1\x1b[K\r\x1b[Ka\nb\n\r2\x1b[K\r\x1b[K");
        // while nothing is taken
        let (reader, outbox) = pipe(None);
        say(&outbox, 0..1000);
        (0..100_000).for_each(|number| outbox.show(number.to_string()));
        assert!(outbox.shared.lock().bytes.len() <= ROOM);
        let text = read_out(reader, outbox);
        assert!(text.ends_with("\n\r99999\x1b[K"), "{:?}", &text[text.len() - 40..]);
    }

    #[test]
    fn a_file_has_all_of_it_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let outbox = Outbox::new(Some(Outlet::append_to(&path).unwrap()), None).unwrap();
        assert!(outbox.fd().is_none());
        for number in 0..500 {
            outbox.say(format!("{number}\n").as_bytes());
        }
        outbox.finish();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().collect::<Vec<_>>(), (0..500).map(|n| n.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn without_an_outlet_nothing_waits() {
        let outbox = Outbox::new(None, None).unwrap();
        say(&outbox, 0..1000);
        outbox.show("x".into());
        outbox.finish();
        assert!(outbox.shared.lock().bytes.is_empty());
    }
}
