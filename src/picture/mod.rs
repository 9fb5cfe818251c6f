//! Pictures that the program makes itself: the moving test picture, the one that stands in for a lost signal, JPEGs of
//! what a camera without MJPEG gives, frames shrunk to fit a plain client's one datagram, and frames at a half, a quarter or an
//! eighth. A camera's own JPEGs never pass through here.
//!
//! The only room that knows the `turbojpeg` and `embedded-graphics` crates. It has no clock: what the picture shows of
//! the time comes in as text.
//!
//! Lives here: pixels, and what turns them into JPEGs and back. May not live here: when a picture is made, and for whom.
#![forbid(unsafe_code)]

mod canvas;
mod effort;
mod error;
mod pattern;
mod quality;
mod raw;
mod recode;
#[cfg(test)]
mod sample;
mod scaler;
mod sheet;
mod shrink;
mod slate;
mod text;
mod turbo;

pub use error::Error;
pub use pattern::Pattern;
pub use raw::{Layout, RawEncoder, RawFormat};
pub use recode::Recoder;
pub use scaler::Scaler;
pub use sheet::Sheet;
pub use shrink::Shrink;
pub use slate::slate;
pub use turbo::{Decoder, Encoder, Rgb, Sampling, Scale};
