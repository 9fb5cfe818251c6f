//! Sealed mode, at the sockets: joins and datagrams are opened before the hub sees them, and sealed behind it. The hub itself knows no
//! keys.

use crate::app::exit::ExitError;
use crate::reel::{Reel, Train};
use crate::seal::handshake::{self, Answering, Said};
use crate::seal::ring::{Ring, What};
use crate::seal::{Channel, Key, StreamKey, TAG_LEN};
use crate::sender::{ClientId, Hub};
use crate::sys::random_secret;
use crate::wire::FrameNumber;
use crate::wire::client::session_of;
use crate::wire::join::{Join, LineError, Refusal, RefusalCode, Reply};
use crate::wire::{Token, sealed};
use std::fmt;
use std::ops::Range;
use zeroize::Zeroizing;

/// What only those read and say who have the key.
pub(super) struct Sealed {
    key: Key,
    ring: Ring,
    said: Said,
    /// Of those that have joined, and whose HELLO is awaited.
    invited: Vec<(Token, Channel)>,
    /// By the clients' places.
    channels: Vec<Option<Sealing>>,
}

struct Sealing {
    client: ClientId,
    token: Token,
    channel: Channel,
}

/// Why a sealed join is turned away.
#[derive(Debug)]
pub(super) enum SealError {
    /// It was not made with our key.
    Key,
    /// Somebody has said it before.
    Again,
    /// What it says is no join.
    Line(LineError),
    /// The kernel gives no random numbers.
    Random(std::io::Error),
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SealError::Key => f.write_str(
                "wrong key: camcast and camrec need the same one, and here it is another (--key-file)",
            ),
            SealError::Again => f.write_str("this very join has come before: somebody has recorded it"),
            SealError::Line(bad) => bad.fmt(f),
            SealError::Random(error) => write!(f, "random numbers: {error}"),
        }
    }
}

impl From<SealError> for Refusal {
    fn from(error: SealError) -> Self {
        let code = match error {
            SealError::Key | SealError::Again => RefusalCode::Key,
            SealError::Line(_) => RefusalCode::Protocol,
            SealError::Random(_) => RefusalCode::Other,
        };
        Refusal { code, why: error.to_string() }
    }
}

impl Sealed {
    /// For the stream as it comes, with a key of its own.
    ///
    /// # Errors
    /// The kernel gives no random numbers.
    pub(super) fn begin(key: Key, reel: &Reel, clients: u16) -> Result<Self, ExitError> {
        let sealed = Sealed::new(key, reel, clients);
        let sealed = sealed.map_err(|error| ExitError::system("random numbers", &error))?;
        log::info!("sealed: only who has the key can join, see or change anything by camcast's own protocol");
        Ok(sealed)
    }

    /// For frames of this stream that lie in another reel, if they are those of `of`; or else of one that has ended, with a key of its
    /// own.
    ///
    /// # Errors
    /// The kernel gives no random numbers.
    pub(super) fn beside(&self, of: &Reel, reel: &Reel) -> std::io::Result<Self> {
        if of.stream() != reel.stream() {
            return Sealed::new(self.key.clone(), reel, 1);
        }
        let bytes = Zeroizing::new(*self.ring.key().bytes());
        Ok(Sealed::with(self.key.clone(), StreamKey::new(bytes), reel, 1))
    }

    fn new(key: Key, reel: &Reel, clients: u16) -> std::io::Result<Self> {
        Ok(Sealed::with(key, StreamKey::new(random_secret()?), reel, clients))
    }

    fn with(key: Key, stream_key: StreamKey, reel: &Reel, clients: u16) -> Self {
        let ring = Ring::new(stream_key, reel);
        Sealed {
            key,
            ring,
            said: Said::default(),
            invited: Vec::new(),
            channels: (0..clients).map(|_| None).collect(),
        }
    }

    /// The client goes to another crowd, and is called otherwise there.
    pub(super) fn hand_over(&mut self, client: ClientId, to: &mut Sealed, id: ClientId) {
        let place = self.channels.get_mut(client.place());
        let sealing = place.and_then(|place| place.take_if(|here| here.client == client));
        if let (Some(sealing), Some(place)) = (sealing, to.channels.get_mut(id.place())) {
            *place = Some(Sealing { client: id, ..sealing });
        }
    }

    /// The client is called otherwise from now on.
    pub(super) fn rename(&mut self, client: ClientId, id: ClientId) {
        for here in self.channels.iter_mut().flatten().filter(|here| here.client == client) {
            here.client = id;
        }
    }

    /// What somebody asks for.
    pub(super) fn hear(&mut self, message: &[u8]) -> Result<(Answering, Join), SealError> {
        let random = random_secret().map_err(SealError::Random)?;
        let (answering, words) = handshake::hear(&self.key, &random, message).map_err(|_| SealError::Key)?;
        if !self.said.is_new(message) {
            return Err(SealError::Again);
        }
        Ok((answering, Join::parse(&words).map_err(SealError::Line)?))
    }

    /// The line that answers it, with the stream's key if the answer is yes.
    pub(super) fn answer(&mut self, answering: Answering, mut reply: Reply, hub: &Hub) -> Option<String> {
        let mut words = Zeroizing::new(Vec::with_capacity(handshake::MAX_WORDS));
        if let Reply::Ok(accepted) = &mut reply {
            accepted.datagram = accepted.datagram.saturating_add(TAG_LEN as u16);
        }
        words.extend_from_slice(reply.to_string().as_bytes());
        if let Reply::Ok(_) = &reply {
            words.extend_from_slice(self.ring.key().bytes());
        }
        // a refusal's words are ours, and fit
        let (channel, message) = answering.answer(&words).ok()?;
        if let Reply::Ok(accepted) = &reply {
            self.invited.retain(|(token, _)| hub.awaits(*token));
            self.invited.push((accepted.token, channel));
        }
        Some(sealed::line(&message))
    }

    /// The client that has just said HELLO: its channel has its place now.
    pub(super) fn adopt(&mut self, client: ClientId, hub: &Hub) {
        let has_come = |(token, _): &(Token, Channel)| hub.client_of(*token) == Some(client);
        let Some(at) = self.invited.iter().position(has_come) else { return };
        let (token, channel) = self.invited.remove(at);
        if let Some(place) = self.channels.get_mut(client.place()) {
            *place = Some(Sealing { client, token, channel });
        }
    }

    /// Opens a client's datagram into `room`. None: it is none of these clients'.
    pub(super) fn open<'d>(&mut self, datagram: &[u8], room: &'d mut [u8]) -> Option<&'d [u8]> {
        let token = session_of(datagram)?;
        let mut here = self.channels.iter_mut().flatten();
        let channel = match here.find(|here| here.token == token) {
            Some(here) => &mut here.channel,
            None => &mut self.invited.iter_mut().find(|(invited, _)| *invited == token)?.1,
        };
        channel.open(datagram, room).ok()
    }

    /// Seals one for a client into `room`.
    pub(super) fn seal<'d>(
        &mut self,
        client: ClientId,
        datagram: &[u8],
        room: &'d mut [u8],
    ) -> Option<&'d [u8]> {
        let here = self.channels.get_mut(client.place())?.as_mut().filter(|here| here.client == client)?;
        here.channel.seal(datagram, room)
    }

    /// The client is gone.
    pub(super) fn close(&mut self, client: ClientId) {
        if let Some(place) = self.channels.get_mut(client.place()) {
            place.take_if(|here| here.client == client);
        }
    }

    /// This train, sealed as far as these datagrams.
    pub(super) fn train(
        &mut self,
        what: What,
        number: FrameNumber,
        plain: Train<'_>,
        which: Range<u16>,
    ) -> Option<Train<'_>> {
        self.ring.train(what, number, plain, which)
    }
}
