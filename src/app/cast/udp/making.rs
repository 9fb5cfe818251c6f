//! The encoder of parity rows, made on a thread of its own: its tables take longer than frames can wait.

use crate::fec::Encoder;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// An encoder that is being made.
pub(super) struct Making(Receiver<Encoder>);

impl Making {
    /// Begins. None: there is no thread to be had, and clients get copies of what they miss, as those do that take no rows.
    pub(super) fn start() -> Option<Self> {
        let (done, made) = channel();
        let work = move || {
            // nobody listens any more if camcast stops meanwhile
            let _ = Encoder::new().map(|encoder| done.send(encoder));
        };
        match thread::Builder::new().name("encoder".into()).spawn(work) {
            Ok(_) => Some(Making(made)),
            Err(error) => {
                log::warn!("no thread for parity rows, so viewers get copies of what they miss: {error}");
                None
            }
        }
    }

    /// The encoder, once it is made.
    pub(super) fn poll(&self) -> Option<Encoder> {
        self.0.try_recv().ok()
    }
}
