//! Which outlets there are.

use super::announce::{self, Announce};
use super::config::Config;
use super::handed::Handed;
use super::http::{self, Http};
use super::news::Demand;
use super::outlet::{Budget, Outlet, Shared};
use super::poll_set::{OUTLETS_MOST, Part, PollSet, Ready, Seat};
use super::rtsp::{self, Rtsp};
use super::stream::Stream;
use super::udp::{self, Udp};
use crate::app::exit::ExitError;
use crate::time::Time;
use std::ops::{Deref, DerefMut};

/// Those that are asked for. They take turns in being first.
pub struct Outlets {
    all: Vec<AnyOutlet>,
    first: usize,
}

impl Outlets {
    /// Opens them.
    ///
    /// # Errors
    /// One line and its exit code.
    pub fn open(config: &Config, handed: Handed, stream: &Stream) -> Result<Self, ExitError> {
        let udp = Udp::open(config, handed.doors, stream)?;
        let announce = config.announce.as_deref().map(|name| Announce::new(name, config, udp.addresses()));
        let mut all = vec![AnyOutlet::Udp(udp)];
        if !config.http.is_empty() || !handed.http.is_empty() {
            all.push(AnyOutlet::Http(Http::open(config, handed.http)?));
        }
        if !config.rtsp.is_empty() || !handed.rtsp.is_empty() {
            all.push(AnyOutlet::Rtsp(Rtsp::open(config, handed.rtsp)?));
        }
        all.extend(announce.map(AnyOutlet::Announce));
        Ok(Outlets { all, first: 0 })
    }

    /// One more.
    #[cfg(test)]
    pub fn push(&mut self, outlet: AnyOutlet) {
        self.all.push(outlet);
    }

    /// That of our own protocol.
    pub fn udp(&self) -> impl Iterator<Item = &Udp> {
        self.all.iter().filter_map(AnyOutlet::udp)
    }

    /// Adds the descriptors that they poll.
    pub fn register<'p>(&'p self, set: &mut PollSet<'p>, now: Time) {
        for (index, outlet) in (0..).zip(&self.all) {
            outlet.register(set.part(Part::Outlet(index)), now);
        }
    }

    /// The earliest of their deadlines.
    pub fn next_timeout(&self, now: Time) -> Time {
        self.all.iter().map(|outlet| outlet.next_timeout(now)).min().unwrap_or(Time::NEVER)
    }

    /// A descriptor of this one has answered.
    pub fn handle(&mut self, index: u8, seat: Seat, ready: Ready, shared: &mut Shared<'_>, now: Time) {
        if let Some(outlet) = self.all.get_mut(usize::from(index)) {
            outlet.handle(seat, ready, shared, now);
        }
    }

    /// Does this with each of them.
    pub fn each(&mut self, shared: &mut Shared<'_>, mut of: impl FnMut(&mut AnyOutlet, &mut Shared<'_>)) {
        let at = self.first.min(self.all.len());
        let (last, first) = self.all.split_at_mut(at);
        first.iter_mut().chain(last).for_each(|outlet| of(outlet, shared));
    }

    /// They send in turn, and share the budget. The next time another one is first.
    pub fn send(&mut self, shared: &mut Shared<'_>, budget: &mut Budget, now: Time) {
        self.each(shared, |outlet, shared| outlet.send(shared, budget, now));
        self.first = (self.first + 1) % self.all.len().max(1);
    }

    /// Who is there, all in all.
    pub fn demand(&self, stream: &Stream) -> Demand {
        self.all.iter().map(|outlet| outlet.demand(stream)).fold(Demand::default(), Demand::plus)
    }
}

impl AnyOutlet {
    /// It, if it is that of our own protocol.
    pub fn udp(&self) -> Option<&Udp> {
        match self {
            AnyOutlet::Udp(udp) => Some(udp),
            _ => None,
        }
    }
}

/// The sum of what each outlet polls at the most.
const _: () =
    assert!(udp::POLLS_MOST + http::POLLS_MOST + rtsp::POLLS_MOST + announce::POLLS_MOST <= OUTLETS_MOST);

/// Writes the enum of all outlets, and finds the verbs of whichever it is.
macro_rules! outlets {
    ($(#[doc = $doc:literal] $(#[cfg($when:meta)])? $name:ident($outlet:ty),)+) => {
        /// Each outlet that there is.
        #[allow(clippy::large_enum_variant, reason = "they are few, and stay where they are")]
        pub enum AnyOutlet {
            $(#[doc = $doc] $(#[cfg($when)])? $name($outlet),)+
        }

        impl Deref for AnyOutlet {
            type Target = dyn Outlet;

            fn deref(&self) -> &Self::Target {
                match self {
                    $($(#[cfg($when)])? AnyOutlet::$name(outlet) => outlet,)+
                }
            }
        }

        impl DerefMut for AnyOutlet {
            fn deref_mut(&mut self) -> &mut Self::Target {
                match self {
                    $($(#[cfg($when)])? AnyOutlet::$name(outlet) => outlet,)+
                }
            }
        }
    };
}

outlets! {
    /// Our own protocol and the original one, over UDP.
    Udp(Udp),
    /// The stream and single frames for browsers and other programs.
    Http(Http),
    /// Frames as RTP packets, for programs that know cameras by RTSP.
    Rtsp(Rtsp),
    /// What has camcast found.
    Announce(Announce),
    /// The pattern to follow.
    #[cfg(test)]
    Example(super::example::Example),
}
