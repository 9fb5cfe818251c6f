//! What people are told: joins and leaves, and at most once a minute what others can cause without end.

pub mod joins;

use super::config::Config;
use super::drops::{DropReason, Drops, Ends};
use super::seen::Way;
use super::stats::Stats;
use crate::admission::places::Party;
use crate::app::exit::{Exit, ExitError};
use crate::app::local_time;
use crate::app::logging;
use crate::app::not_sent::NotSent;
use crate::app::outbox::Outbox;
use crate::app::quantity::{counted, show_bytes, show_duration};
use crate::app::throttle::Throttle;
use crate::clock::stamps::Oddity;
use crate::jpeg::JpegError;
use crate::reel::Reel;
use crate::sender::{ClientEvent, ClientKind, LeaveReason, Tally};
use crate::shown::shown;
use crate::supervisor::Signal;
use crate::sys::connection::Remote;
use crate::sys::outlet::Outlet;
use crate::time::Time;
use crate::wire::join::Policy;
use joins::Joins;
use nix::errno::Errno;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Datagrams of nobody that are worth a line.
const STRANGE: u64 = 10;

/// The log, and the client log if there is one.
pub struct Report {
    client_log: Option<(PathBuf, Outbox)>,
    client_log_lost: Throttle,
    damaged: Throttle,
    /// What was dropped since that was last said.
    unsaid: Drops,
    ends: Ends,
    endless: Throttle,
    odd: Throttle,
    too_large: Throttle,
    too_slow: Throttle,
    rejected: Throttle,
    joins: Joins,
    /// The same of leaves, and of those that never came.
    leaves: Joins,
    absent: Joins,
    returns: Throttle,
    shrink: Throttle,
    scale: Throttle,
    recode: Throttle,
    unaccepted: Throttle,
    /// Since that was last told of.
    strange: u64,
    strangers: Throttle,
    wrong_passwords: Throttle,
    uncompressed: Throttle,
    not_sent: NotSent,
}

impl Report {
    /// Opens the client log for appending.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new(config: &Config) -> Result<Self, ExitError> {
        let open = |path: &Path| match Outlet::append_up_to(path, config.client_log_size)
            .and_then(|file| Outbox::new(Some(file), None))
        {
            Ok(outbox) => Ok((path.to_owned(), outbox)),
            Err(error) => Err(ExitError::new(
                Exit::NotWritable,
                format!("cannot write the client log {}: {error}; choose another file", shown(&path)),
            )),
        };
        let default = Throttle::default();
        Ok(Report {
            client_log: config.client_log.as_deref().map(open).transpose()?,
            client_log_lost: default,
            damaged: default,
            unsaid: Drops::default(),
            ends: Ends::default(),
            endless: default,
            odd: default,
            too_large: default,
            too_slow: default,
            rejected: default,
            joins: Joins::new(config.log_lines),
            leaves: Joins::new(config.log_lines),
            absent: Joins::new(config.log_lines),
            returns: default,
            shrink: default,
            scale: default,
            recode: default,
            unaccepted: default,
            strange: 0,
            strangers: default,
            wrong_passwords: default,
            uncompressed: default,
            not_sent: NotSent::default(),
        })
    }

    /// A client joined or left; now there are `clients`.
    pub fn event(&mut self, event: &ClientEvent, clients: usize, now: Time) {
        match event {
            ClientEvent::Left { reason: LeaveReason::Replaced, .. } => {}
            ClientEvent::Joined { remote, kind, is_return: true, .. } => {
                if self.returns.happened(now).is_some() {
                    log::info!("joined again: {} ({kind}); clients now: {clients}", canonical(*remote));
                }
            }
            ClientEvent::Joined { remote, kind, agent, .. } if self.joins.may_say(party(*remote), now) => {
                let remote = canonical(*remote);
                let agent = agent.as_deref().map(|agent| format!(", {agent}")).unwrap_or_default();
                log::info!("joined: {remote} ({kind}{agent}); clients now: {clients}");
                self.append(&format!("{remote}, joined"));
            }
            ClientEvent::Left { remote, kind, reason: LeaveReason::NoHello, .. } => {
                if self.absent.may_say(party(*remote), now) {
                    log::warn!("never came: {} ({kind}): {}", canonical(*remote), LeaveReason::NoHello);
                }
            }
            ClientEvent::Left { remote, kind, reason: LeaveReason::NoPlace, .. } => {
                if self.absent.may_say(party(*remote), now) {
                    log::warn!("not let in: {} ({kind}): {}", canonical(*remote), LeaveReason::NoPlace);
                }
            }
            ClientEvent::Left { remote, kind, reason, tally, stay }
                if self.leaves.may_say(party(*remote), now) =>
            {
                let remote = canonical(*remote);
                let stay = show_duration(*stay);
                let got = got(*kind, tally);
                log::info!("left: {remote} ({kind}): {reason}; {stay}, {got}; clients now: {clients}");
                self.append(&format!("{remote}, left"));
            }
            ClientEvent::Joined { .. } | ClientEvent::Left { .. } => {}
        }
    }

    /// Somebody has the stream `by` HTTP or RTSP; now there are `clients`. False: there were too many for a line each, and his
    /// leave is to be none either.
    pub fn viewer_joined(
        &mut self,
        (remote, party): (Remote, Party),
        (by, agent): (Way, &str),
        clients: usize,
        now: Time,
    ) -> bool {
        if !self.joins.may_say(party, now) {
            return false;
        }
        let remote = name_of(remote);
        let agent = if agent.is_empty() { String::new() } else { format!(", {agent}") };
        log::info!("joined: {remote} ({by}{agent}); clients now: {clients}");
        self.append(&format!("{remote}, joined"));
        true
    }

    /// It has it no longer.
    pub fn viewer_left(
        &mut self,
        (remote, by): (Remote, Way),
        why: &str,
        got: &Tally,
        stay: Duration,
        clients: usize,
    ) {
        let (remote, stay) = (name_of(remote), show_duration(stay));
        let Tally { frames, bytes, skipped, .. } = *got;
        let got = format!("{}, {}", counted(frames, "frame"), show_bytes(bytes));
        let skipped =
            if skipped > 0 { format!(", {} skipped", counted(skipped, "frame")) } else { String::new() };
        log::info!("left: {remote} ({by}): {why}; {stay}, {got}{skipped}; clients now: {clients}");
        self.append(&format!("{remote}, left"));
    }

    /// Somebody has given a wrong password.
    pub fn wrong_password(&mut self, remote: Remote, now: Time) {
        if let Some(count) = self.wrong_passwords.happened(now) {
            log::warn!(
                "{} with a wrong password, the latest from {}",
                counted(count, "request"),
                name_of(remote)
            );
        }
    }

    /// So many lines a minute of any one kind from now on.
    pub fn set_lines(&mut self, lines: u32) {
        logging::set_lines(lines);
        for each in [&mut self.joins, &mut self.leaves, &mut self.absent] {
            each.set_most(lines);
        }
    }

    /// A line of the client log, as the original's ServerLog: time, client, joined or left.
    fn append(&mut self, what: &str) {
        if let Some((_, outbox)) = &self.client_log {
            outbox.say(format!("{}, {what}\n", local_time::date_and_time()).as_bytes());
        }
    }

    /// The client log, if some of it waits to be written: then [`drain`](Self::drain) is to be called.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.client_log.as_ref().and_then(|(_, outbox)| outbox.fd())
    }

    /// The client log takes more.
    pub fn drain(&self) {
        self.client_log.iter().for_each(|(_, outbox)| outbox.drain());
    }

    /// Once a turn: says what has become of the client log, if it is nothing good, and how many have joined unsaid.
    pub fn attend(&mut self, now: Time) {
        if let Some(count) = self.joins.unsaid(now) {
            log::info!(
                "{count} more joined in a minute: whoever reconnects in a loop gets no line each time"
            );
            self.append(&format!("{count} more, joined"));
        }
        if let Some(count) = self.leaves.unsaid(now) {
            log::info!("{count} more left in a minute");
            self.append(&format!("{count} more, left"));
        }
        if let Some(count) = self.absent.unsaid(now) {
            log::warn!("{count} more in a minute that joined and never came");
        }
        logging::attend(now);
        let Some((path, outbox)) = &self.client_log else { return };
        let Some((error, lost)) = outbox.take_news() else { return };
        let path = shown(path);
        if let Some(count) = self.client_log_lost.happened_times(lost, now) {
            let lines = counted(count, "line");
            log::warn!("{lines} of the client log {path} lost: it does not take them in time");
        }
        if let Some(error) = error {
            log::warn!(
                "cannot write the client log {path}: {error}; it is not written from now on: make room for it, or move it \
                 away, and start camcast again"
            );
            self.client_log = None;
        }
    }

    /// A frame went into the reel.
    pub fn good(&mut self) {
        self.ends.on_frame(false);
    }

    /// A frame was damaged; `None`: the driver said so itself.
    pub fn damaged(&mut self, flaw: Option<JpegError>, now: Time) {
        let reason = flaw.map_or(DropReason::Driver, DropReason::Jpeg);
        self.unsaid.add(reason);
        if self.damaged.happened(now).is_some() {
            let unsaid = std::mem::take(&mut self.unsaid);
            match flaw {
                None => log::warn!("damaged frames dropped: {unsaid}"),
                Some(flaw) => log::warn!("damaged frames dropped: {unsaid}; the latest: {flaw}"),
            }
        }
        let is_usual = self.ends.on_frame(flaw == Some(JpegError::NoEnd));
        if is_usual && self.endless.happened(now).is_some() {
            log::warn!(
                "more than half of the latest frames are cut off (no EOI) and dropped: if this camera's pictures are \
                 whole all the same, send them with --allow-truncated-frames"
            );
        }
    }

    /// The driver's time or count of a frame made no sense, and was made up.
    pub fn odd_stamp(&mut self, oddity: Oddity, now: Time) {
        if oddity == Oddity::default() {
            return;
        }
        if let Some(count) = self.odd.happened(now) {
            let what = if oddity.count { "number" } else { "time" };
            log::warn!(
                "the driver gave an impossible {what} for {}: camcast uses its own",
                counted(count, "frame")
            );
        }
    }

    /// A raw frame could not be compressed.
    pub fn not_compressed(&mut self, error: &str, now: Time) {
        if let Some(count) = self.uncompressed.happened(now) {
            log::warn!("{} dropped: not compressed: {error}", counted(count, "frame"));
        }
    }

    /// A frame does not fit the reel.
    pub fn too_large(&mut self, error: crate::reel::TooLargeError, now: Time) {
        if let Some(count) = self.too_large.happened(now) {
            log::warn!("{} dropped: {error}", counted(count, "frame"));
        }
    }

    /// Frames came while one was compressed, which takes so long: `count` now, `total` since the start.
    pub fn too_slow(&mut self, count: u32, total: u64, takes: Duration, now: Time) {
        if count > 0 && self.too_slow.happened(now).is_some() {
            log::warn!(
                "{} dropped so far: compressing one takes {:.1} ms, longer than the camera's interval; ask for less \
                 with -r and -f",
                counted(total, "frame"),
                takes.as_secs_f32() * 1000.0
            );
        }
    }

    /// A connection was not let in.
    pub fn rejected(&mut self, remote: Remote, why: &str, now: Time) {
        let remote = name_of(remote);
        match self.rejected.happened(now) {
            Some(1) => log::info!("not let in: {remote}: {why}"),
            Some(count) => log::info!("not let in: {count} connections, the latest from {remote}: {why}"),
            None => {}
        }
    }

    /// So many datagrams more have come of nobody who had joined. Those that were under way when somebody left are among them, and a few
    /// are no news.
    pub fn strange(&mut self, count: u64, now: Time) {
        self.strange = self.strange.saturating_add(count);
        if self.strange < STRANGE {
            return;
        }
        if let Some(count) = self.strangers.happened_times(std::mem::take(&mut self.strange), now) {
            log::info!("{} of nobody who had joined, dropped", counted(count, "datagram"));
        }
    }

    /// A connection cannot be taken, for a reason of this machine.
    pub fn cannot_accept(&mut self, why: &str, now: Time) {
        if self.unaccepted.happened(now).is_some() {
            log::warn!("cannot take connections: {why}");
        }
    }

    /// The system did not send this many datagrams, the latest for this reason.
    pub fn not_sent(&mut self, count: u64, errno: Errno, now: Time) {
        self.not_sent.happened(count, errno, "the client", now).iter().for_each(|line| log::warn!("{line}"));
    }

    /// A frame could not be made small enough for plain clients.
    pub fn not_shrunk(&mut self, error: &crate::picture::Error, now: Time) {
        if let Some(count) = self.shrink.happened(now) {
            let frames = counted(count, "frame");
            log::warn!("{frames} not sent to plain clients: {error}; ask for a smaller size with -r");
        }
    }

    /// A frame could not be written with the standard Huffman tables.
    pub fn not_recoded(&mut self, why: &str, now: Time) {
        if let Some(count) = self.recode.happened(now) {
            log::warn!("{} not sent by RTSP: {why}", counted(count, "frame"));
        }
    }

    /// A frame could not be made smaller for those who ask for that by HTTP.
    pub fn not_scaled(&mut self, why: &str, now: Time) {
        if let Some(count) = self.scale.happened(now) {
            log::warn!("{} not sent to those who ask for ?scale=: {why}", counted(count, "frame"));
        }
    }
}

/// All in all.
pub fn stopped(Stats { frames, dropped, strays, .. }: &Stats) {
    log::info!("stopped: {frames} frames; dropped: {dropped}");
    log::debug!("datagrams of nobody, dropped: {strays}");
}

/// How it is, in a line for the service manager.
pub fn status(stats: &Stats, signal: Signal, reel: &Reel) -> String {
    let picture = match (signal, reel.newest()) {
        (Signal::Present, Some(newest)) => {
            let fps = reel.fps().map_or(String::new(), |fps| format!(", {fps:.1} fps"));
            format!("{}{fps}", newest.size())
        }
        (Signal::Present, None) => "no frame yet".to_owned(),
        (Signal::Lost { .. }, _) => "no picture from the camera".to_owned(),
    };
    let (clients, dropped) =
        (counted(stats.clients as u64, "client"), counted(stats.dropped.total(), "frame"));
    format!("{picture}; {clients}; {dropped} dropped")
}

/// Somebody, as he is named in lines.
pub fn name_of(remote: Remote) -> String {
    match remote {
        Remote::Address(address) => canonical(address).to_string(),
        Remote::Local => remote.to_string(),
    }
}

/// What a client got, and how it saw its network. What is nothing is left out.
fn got(kind: ClientKind, tally: &Tally) -> String {
    let Tally { frames, bytes, datagrams, repairs, gone, skipped, view } = *tally;
    let mut got = format!("{frames} frames, {} in {datagrams} datagrams", show_bytes(bytes));
    let mut add = |count: u64, text: String| {
        if count > 0 {
            got.push_str(&text);
        }
    };
    let share = 100.0 * repairs as f64 / datagrams.saturating_sub(repairs).max(1) as f64;
    add(repairs, format!(", {repairs} of them sent again ({share:.1} %)"));
    add(gone, format!(", {gone} frames asked for too late"));
    let fate = if kind == ClientKind::Native(Policy::Every) { "never sent" } else { "skipped" };
    add(skipped, format!(", {skipped} frames {fate}"));
    if let Some(view) = view {
        let lost = view.sent.saturating_sub(view.arrived);
        let share = 100.0 * lost as f64 / view.sent.max(1) as f64;
        add(1, format!("; {share:.1} % lost on the way"));
        let millis = f64::from(view.rtt_us) / 1000.0;
        add(view.rtt_us.into(), format!(", {millis:.1} ms round trip"));
    }
    got
}

fn party(remote: SocketAddr) -> Party {
    Party::of(remote.ip())
}

/// An IPv4 client of an IPv6 socket, as people know it.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip if ip.is_ipv4() => SocketAddr::new(ip, address.port()),
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sender::View;

    #[test]
    fn what_a_client_got_is_one_readable_line() {
        let plain = Tally { frames: 2, bytes: 90_000, datagrams: 2, skipped: 4, ..Tally::default() };
        assert_eq!(got(ClientKind::Plain, &plain), "2 frames, 90.0 kB in 2 datagrams, 4 frames skipped");
        let view = Some(View { sent: 25_000, arrived: 24_750, rtt_us: 42_300 });
        let every = Tally {
            frames: 360,
            bytes: 35_100_000,
            datagrams: 25_250,
            repairs: 250,
            gone: 3,
            skipped: 5,
            view,
        };
        assert_eq!(
            got(ClientKind::Native(Policy::Every), &every),
            "360 frames, 35.1 MB in 25250 datagrams, 250 of them sent again (1.0 %), 3 frames asked for too late, \
             5 frames never sent; 1.0 % lost on the way, 42.3 ms round trip"
        );
    }

    #[test]
    fn addresses_are_shown_as_people_know_them() {
        let show = |text: &str| canonical(text.parse().unwrap()).to_string();
        assert_eq!(show("[::ffff:192.0.2.7]:5005"), "192.0.2.7:5005");
        assert_eq!(show("[2001:db8::7]:5005"), "[2001:db8::7]:5005");
        assert_eq!(show("[fe80::1%3]:5005"), "[fe80::1%3]:5005");
    }
}
