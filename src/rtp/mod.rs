//! RTP as JPEGs go by it: which can, how a frame is cut into packets, and the reports of both sides.
//!
//! Lives here: the bytes of RTP and RTCP, and a track's numbers. May not live here: sockets, sessions (`rtsp`), who gets which frame.
//!
//! | module | what | by |
//! |---|---|---|
//! | [`picture`] | what of a JPEG a receiver is told, and which JPEGs cannot go | RFC 2435 |
//! | [`train`] | a frame as packets | RFC 2435, 3550 |
//! | [`track`] | one receiver's sequence numbers, times and counts, and which packet is asked for again | RFC 3550, 4585 |
//! | [`rtcp`] | reports | RFC 3550, 4585 |
//! | [`pace`] | how fast packets leave | |
//!
//! GStreamer 1.22, ffmpeg 5.1 to 7 and what is built on them (mpv, OpenCV) were seen to read it.
#![forbid(unsafe_code)]

pub mod pace;
pub mod picture;
pub mod rtcp;
#[cfg(test)]
mod tests;
pub mod track;
pub mod train;

/// The payload type of JPEG (RFC 3551, table 5).
pub const PAYLOAD_TYPE: u8 = 26;

/// Ticks a second of its timestamps (RFC 2435, 3).
pub const CLOCK_RATE: u32 = 90_000;
