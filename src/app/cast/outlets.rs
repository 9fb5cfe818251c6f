//! Which outlets there are.

use super::outlet::Outlet;
use super::poll_set::OUTLETS_MOST;
use super::udp::{self, Udp};
use std::ops::{Deref, DerefMut};

/// The sum of what each outlet polls at the most.
const _: () = assert!(udp::POLLS_MOST <= OUTLETS_MOST);

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
    /// The pattern to follow.
    #[cfg(test)]
    Example(super::example::Example),
}
