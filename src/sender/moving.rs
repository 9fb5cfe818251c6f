//! Sessions that go from one hub to another of the same stream, and the recorders that may have to: whoever is behind what one reel
//! holds is served from another, and comes back when he has caught up. He notices nothing of it.

use super::admitting::{Comer, too_often};
use super::hub::Hub;
use super::session::Session;
use super::{ClientId, ClientKind};
use crate::admission::places::Party;
use crate::time::Time;
use crate::wire::FrameNumber;
use crate::wire::join::{Policy, Refusal, RefusalCode};
use std::net::{IpAddr, SocketAddr};

/// A session on its way.
pub struct Moving(Box<Session>);

/// A recorder that has acknowledged a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorder {
    /// Which client it is.
    pub client: ClientId,
    /// It is done with this frame and all before it.
    pub through: FrameNumber,
    /// When it last said something.
    pub heard: Time,
    /// Where it is.
    pub remote: SocketAddr,
}

impl Hub {
    /// The recorders that have acknowledged a frame, and are not being told to leave.
    pub fn recorders(&self) -> impl Iterator<Item = Recorder> {
        self.places.iter().flatten().filter(|session| session.has_proved).filter_map(|session| {
            let through = session.dialect.recorded_through()?;
            Some(Recorder { client: session.id, through, heard: session.heard, remote: session.remote })
        })
    }

    /// Somebody joins who is to be served by another hub: counted as one of this one's joins, and held to the same.
    ///
    /// # Errors
    /// The [`Refusal`], in words for the client.
    pub fn admits(&mut self, remote: IpAddr, now: Time) -> Result<(), Refusal> {
        if self.stopping {
            return Err(Refusal { code: RefusalCode::Stopping, why: "camcast is stopping".into() });
        }
        if self.entrance.joins.may(Party::of(remote).site(), now) { Ok(()) } else { Err(too_often()) }
    }

    /// Takes a session out, without a word to its client. The outputs are to be drained before, and its socket not to be full.
    pub fn release(&mut self, client: ClientId) -> Option<Moving> {
        self.session(client)?;
        self.places.get_mut(client.place())?.take().map(|session| Moving(Box::new(session)))
    }

    /// Goes on with a session of the same stream, if there is a place for it.
    ///
    /// # Errors
    /// The session, if there is none.
    pub fn take_over(&mut self, moving: Moving, now: Time) -> Result<ClientId, Moving> {
        let Moving(mut session) = moving;
        let is_recorder = session.kind() == ClientKind::Native(Policy::Every);
        let comer = Comer { party: session.party(), is_recorder, is_back: is_recorder };
        let place = if self.stopping { None } else { self.make_room(comer, now) };
        let Some(place) = place else { return Err(Moving(session)) };
        self.generation = self.generation.wrapping_add(1);
        let id = ClientId { place: place as u16, generation: self.generation };
        session.id = id;
        if let Some(free) = self.places.get_mut(place) {
            *free = Some(*session);
        }
        Ok(id)
    }
}
