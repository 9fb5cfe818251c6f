//! What the service manager is told of a program: that it is ready, how it is, and that it is alive. Nothing, where there is none.

use crate::sys::notify::{Manager, watchdog};
use crate::time::Time;
use std::time::Duration;

/// How often it is told how the program is, at the most; twice as often as it asks, if it wants to hear that it lives.
const PERIOD: Duration = Duration::from_secs(10);

/// It did not take what it was told.
const AGAIN: Duration = Duration::from_millis(500);

/// The program as a service.
#[derive(Debug)]
pub struct Service {
    manager: Option<Manager>,
    period: Duration,
    is_watched: bool,
    due: Time,
    /// It was told so last.
    status: String,
    is_ready: bool,
    is_told_ready: bool,
}

impl Service {
    /// As the environment has it.
    pub fn of_this_process() -> Self {
        Self::of(Manager::of_this_process(), watchdog())
    }

    fn of(manager: Option<Manager>, watchdog: Option<Duration>) -> Self {
        Service {
            manager,
            period: watchdog.map_or(PERIOD, |most| PERIOD.min(most / 2)),
            is_watched: watchdog.is_some(),
            due: Time::default(),
            status: String::new(),
            is_ready: false,
            is_told_ready: false,
        }
    }

    /// The program is ready, which is told at once.
    pub fn set_ready(&mut self) {
        if !std::mem::replace(&mut self.is_ready, true) {
            self.due = Time::default();
        }
    }

    /// When [`tell`](Self::tell) has something to do.
    pub fn next_timeout(&self) -> Time {
        if self.manager.is_some() { self.due } else { Time::NEVER }
    }

    /// `how`: whether the program is alive, and how it is, in a line.
    pub fn tell(&mut self, how: impl FnOnce() -> (bool, String), now: Time) {
        let Some(manager) = self.manager.as_ref().filter(|_| now >= self.due) else { return };
        let (is_alive, status) = how();
        let mut words = String::new();
        if self.is_ready && !self.is_told_ready {
            words += "READY=1\n";
        }
        if self.is_watched && is_alive {
            words += "WATCHDOG=1\n";
        }
        if status != self.status {
            words += &format!("STATUS={status}\n");
        }
        let is_told = words.is_empty() || manager.tell(&words);
        if is_told {
            (self.status, self.is_told_ready) = (status, self.is_ready);
        }
        self.due = now.after(if is_told { self.period } else { self.period.min(AGAIN) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn the_manager_hears_what_is_new_and_that_it_lives() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        let heard = || {
            let mut room = [0; 100];
            socket
                .recv(&mut room)
                .map_or(String::new(), |count| String::from_utf8(room[..count].into()).unwrap())
        };
        let mut service = Service::of(Manager::at(path.as_os_str()), Some(Duration::from_secs(6)));
        let at = |ms: u64| Time::from_millis(100_000 + ms);
        let tell = |service: &mut Service, is_alive, status: &str, ms| {
            service.tell(|| (is_alive, status.to_owned()), at(ms));
            heard()
        };
        assert_eq!(tell(&mut service, true, "joining", 0), "WATCHDOG=1\nSTATUS=joining\n");
        assert_eq!(tell(&mut service, true, "joining", 2999), "", "not before it is due");
        service.set_ready();
        assert_eq!(tell(&mut service, true, "joining", 2999), "READY=1\nWATCHDOG=1\n");
        service.set_ready();
        assert_eq!(service.next_timeout(), at(5999));
        assert_eq!(tell(&mut service, false, "joining", 5999), "", "it does not live, and nothing is new");
        assert_eq!(tell(&mut service, true, "1 frame", 8999), "WATCHDOG=1\nSTATUS=1 frame\n");
        drop(socket);
        assert_eq!(service.next_timeout(), at(11999));
        service.tell(|| (true, "2 frames".to_owned()), at(11999));
        assert_eq!(service.next_timeout(), at(12499), "it has to hear it");
    }

    #[test]
    fn without_a_manager_there_is_nothing_to_do() {
        let mut service = Service::of(None, None);
        service.set_ready();
        service.tell(|| panic!("nobody asks"), Time::from_millis(1));
        assert_eq!(service.next_timeout(), Time::NEVER);
    }
}
