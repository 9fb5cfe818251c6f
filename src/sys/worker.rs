//! A thread beside a loop, for what may block: a bounded queue to it, news from it, and a bell that the loop's poll hears.
//!
//! The bell is rung for news, and once more when the thread has ended, by a panic too. Several threads may share one: then
//! the loop [clears](Bell::clear) it, and asks each of them for news until there is none.

use super::clock;
use super::poll::{self, PollFlags};
use crate::time::Time;
use nix::poll::PollFd;
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread::{self, JoinHandle};

/// What a thread wakes a loop with. Its descriptor can be read from a ring until it is cleared.
#[derive(Clone, Debug)]
pub struct Bell(Arc<EventFd>);

impl Bell {
    /// A bell that has not rung.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Bell(Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?)))
    }

    /// Rings it; more rings before it is cleared are one.
    pub fn ring(&self) {
        // it fails only when it has rung 2^64 times
        let _ = self.0.write(1);
    }

    /// Has it be silent until it rings again. To be called before news is asked for, not after.
    pub fn clear(&self) {
        let _ = self.0.read();
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The thread's way to the loop.
pub struct Desk<News> {
    news: Sender<News>,
    bell: Bell,
}

impl<News> Desk<News> {
    /// Tells the loop, and wakes it. False: nobody listens any more.
    pub fn tell(&self, news: News) -> bool {
        let is_heard = self.news.send(news).is_ok();
        self.bell.ring();
        is_heard
    }
}

/// A thread that rings a bell when it has ended.
pub struct Running {
    thread: JoinHandle<()>,
    has_ended: Arc<AtomicBool>,
}

/// Says that the thread has ended, whatever ends it.
struct End {
    has_ended: Arc<AtomicBool>,
    bell: Bell,
}

impl Drop for End {
    fn drop(&mut self) {
        self.has_ended.store(true, Ordering::Release);
        self.bell.ring();
    }
}

impl Running {
    /// Starts a thread that is called `name`.
    ///
    /// # Errors
    /// The process has no thread left.
    pub fn start(name: &str, bell: &Bell, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let has_ended = Arc::new(AtomicBool::new(false));
        let end = End { has_ended: Arc::clone(&has_ended), bell: bell.clone() };
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            let _end = end;
            work();
        })?;
        Ok(Running { thread, has_ended })
    }

    /// The thread has done its work; the bell has rung, or is about to.
    pub fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// Wakes the thread if it is parked.
    pub fn unpark(&self) {
        self.thread.thread().unpark();
    }
}

/// A thread with a queue to it, as its loop has it. When this is dropped the thread finds its queue closed; nobody waits for
/// it.
pub struct Worker<Order, News> {
    orders: Option<SyncSender<Order>>,
    news: Receiver<News>,
    thread: Running,
    bell: Bell,
}

impl<Order: Send + 'static, News: Send + 'static> Worker<Order, News> {
    /// Starts a thread that is called `name`. At most `limit` orders wait for it.
    ///
    /// # Errors
    /// The process has no thread left.
    pub fn start(
        name: &str,
        limit: usize,
        bell: &Bell,
        work: impl FnOnce(Receiver<Order>, Desk<News>) + Send + 'static,
    ) -> io::Result<Self> {
        let (orders, inbox) = sync_channel(limit);
        let (news, heard) = channel();
        let desk = Desk { news, bell: bell.clone() };
        let thread = Running::start(name, bell, move || work(inbox, desk))?;
        Ok(Worker { orders: Some(orders), news: heard, thread, bell: bell.clone() })
    }

    /// Gives the thread an order, after those before it.
    ///
    /// # Errors
    /// The order, if its queue is full. A thread that has ended swallows it.
    pub fn send(&self, order: Order) -> Result<(), Order> {
        match self.orders.as_ref().map(|orders| orders.try_send(order)) {
            Some(Err(TrySendError::Full(order))) => Err(order),
            _ => Ok(()),
        }
    }

    /// The oldest news. To be asked until there is none, after the bell has been cleared.
    pub fn take(&self) -> Option<News> {
        self.news.try_recv().ok()
    }

    /// There are no more orders: the thread ends when it is done with those it has.
    pub fn close(&mut self) {
        self.orders = None;
    }

    /// The thread has ended. Its news may still be there.
    pub fn has_ended(&self) -> bool {
        self.thread.has_ended()
    }

    /// Waits for the thread to end, at the longest until then. News that comes meanwhile stays.
    pub fn wait_for_end(&self, until: Time) {
        while !self.has_ended() && self.wait_for_bell(until) {}
    }

    /// Waits for the oldest news, at the longest until then. None: there is none by then, or will be none any more.
    pub fn take_until(&self, until: Time) -> Option<News> {
        loop {
            // what it has said before its end is there by then
            let has_ended = self.has_ended();
            let news = self.take();
            if news.is_some() || has_ended || !self.wait_for_bell(until) {
                return news;
            }
        }
    }

    /// False: it is late already, or nothing can be waited for. The bell rings on then.
    fn wait_for_bell(&self, until: Time) -> bool {
        let now = clock::now();
        let mut fds = [PollFd::new(self.bell.as_fd(), PollFlags::POLLIN)];
        let has_waited = now < until && poll::wait(&mut fds, until, now).is_ok();
        if has_waited {
            self.bell.clear();
        }
        has_waited
    }

    /// The bell that it rings.
    pub fn bell(&self) -> &Bell {
        &self.bell
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn has_rung(bell: &Bell) -> bool {
        let mut fds = [PollFd::new(bell.as_fd(), PollFlags::POLLIN)];
        poll::wait(&mut fds, Time::default(), Time::default()).unwrap();
        poll::is_readable(&fds[0])
    }

    fn wait_for(bell: &Bell) {
        let mut fds = [PollFd::new(bell.as_fd(), PollFlags::POLLIN)];
        poll::wait(&mut fds, clock::now().after(Duration::from_secs(20)), clock::now()).unwrap();
        assert!(poll::is_readable(&fds[0]), "it never rang");
    }

    fn soon() -> Time {
        clock::now().after(Duration::from_secs(20))
    }

    #[test]
    fn many_rings_are_one_and_a_cleared_bell_is_silent() {
        let bell = Bell::new().unwrap();
        assert!(!has_rung(&bell));
        (0..3).for_each(|_| bell.ring());
        assert!(has_rung(&bell) && has_rung(&bell));
        bell.clear();
        assert!(!has_rung(&bell));
        bell.clear();
    }

    #[test]
    fn orders_go_in_and_news_comes_out_in_order() {
        let bell = Bell::new().unwrap();
        let mut worker = Worker::start("double", 8, &bell, |orders: Receiver<u32>, desk| {
            orders.iter().for_each(|order| assert!(desk.tell(order * 2)));
        });
        let worker = worker.as_mut().unwrap();
        (1..=3).for_each(|order| worker.send(order).unwrap());
        let mut heard = Vec::new();
        while heard.len() < 3 {
            wait_for(&bell);
            bell.clear();
            heard.extend(std::iter::from_fn(|| worker.take()));
        }
        assert_eq!((heard, worker.has_ended()), (vec![2, 4, 6], false));
        worker.close();
        worker.wait_for_end(soon());
        assert!(worker.has_ended());
    }

    #[test]
    fn a_full_queue_gives_the_order_back() {
        let bell = Bell::new().unwrap();
        let (open, gate) = channel::<()>();
        let worker = Worker::<u32, ()>::start("busy", 2, &bell, move |orders, _| {
            let _ = gate.recv();
            drop(orders);
        });
        let worker = worker.unwrap();
        assert_eq!([worker.send(1), worker.send(2), worker.send(3)], [Ok(()), Ok(()), Err(3)]);
        drop(open);
        worker.wait_for_end(soon());
        assert_eq!(worker.send(4), Ok(()), "nobody is there to have it");
    }

    #[test]
    fn the_end_rings_also_of_a_thread_that_panics() {
        let bell = Bell::new().unwrap();
        let worker =
            Worker::<(), ()>::start("panics", 1, &bell, |_, _| panic!("as this test wants")).unwrap();
        wait_for(&bell);
        worker.wait_for_end(soon());
        assert!(worker.has_ended() && worker.take().is_none());
    }
}
