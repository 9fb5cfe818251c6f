//! Which outlets there are.

use super::config::Config;
use super::http::{self, Http};
use super::outlet::Outlet;
use super::poll_set::OUTLETS_MOST;
use super::rtsp::{self, Rtsp};
use super::stream::Stream;
use super::udp::{self, Udp};
use crate::app::exit::ExitError;
use std::ops::{Deref, DerefMut};

/// Opens those that are asked for.
///
/// # Errors
/// One line and its exit code.
pub fn open(config: &Config, stream: &Stream) -> Result<Vec<AnyOutlet>, ExitError> {
    let mut outlets = vec![AnyOutlet::Udp(Udp::open(config, stream.id)?)];
    if !config.http.is_empty() {
        outlets.push(AnyOutlet::Http(Http::open(config)?));
    }
    if !config.rtsp.is_empty() {
        outlets.push(AnyOutlet::Rtsp(Rtsp::open(config)?));
    }
    Ok(outlets)
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
const _: () = assert!(udp::POLLS_MOST + http::POLLS_MOST + rtsp::POLLS_MOST <= OUTLETS_MOST);

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
    /// The pattern to follow.
    #[cfg(test)]
    Example(super::example::Example),
}
