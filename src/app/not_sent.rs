//! Datagrams that this machine's system did not send, in words: at most one line a minute.

use super::quantity::counted;
use super::throttle::Throttle;
use crate::time::Time;
use nix::errno::Errno;

/// Counts them, and says when to speak of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct NotSent {
    throttle: Throttle,
}

impl NotSent {
    /// This many `datagrams` for `whom` were not sent, the latest for this reason. Some: say this now.
    pub fn happened(&mut self, datagrams: u64, errno: Errno, whom: &str, now: Time) -> Option<String> {
        let count = self.throttle.happened_times(datagrams, now)?;
        let remedy = match errno {
            Errno::EPERM | Errno::EACCES => {
                "; a firewall on this machine forbids it: nft list ruleset shows".to_owned()
            }
            Errno::ENETUNREACH | Errno::EHOSTUNREACH => {
                format!("; there is no route to {whom}: ip route shows")
            }
            _ => String::new(),
        };
        Some(format!("{} not sent: {}{remedy}", counted(count, "datagram"), errno.desc()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_the_count_the_cause_and_the_remedy() {
        let mut lost = NotSent::default();
        let said = |lost: &mut NotSent, errno, ms| lost.happened(2, errno, "camcast", Time::from_millis(ms));
        assert_eq!(
            said(&mut lost, Errno::ENETUNREACH, 1).as_deref(),
            Some(
                "2 datagrams not sent: Network is unreachable; there is no route to camcast: ip route shows"
            )
        );
        assert_eq!(said(&mut lost, Errno::EPERM, 2), None);
        let next = said(&mut lost, Errno::ENOBUFS, 70_000).unwrap();
        assert_eq!(next, "4 datagrams not sent: No buffer space available");
    }
}
