//! What must hold of whatever comes from outside, a function a fuzz target: it panics if that is not so, and says whether the bytes
//! came to anything.
//!
//! | target | its bytes | what holds |
//! |---|---|---|
//! | [`http`] | what comes over a connection | the same requests however it is cut; limits; answers without a client's line; who may ask |
//! | [`credentials`] | method, target and `Authorization` | nobody comes in without the password, nor by what was made for another request |
//! | [`rtsp`] | what comes over a connection | as of HTTP; what can be asked when; the way that an answer repeats |
//! | [`rtcp`] | a datagram | it is heard to its end; what is asked for again is that packet, and not without end |
//! | [`rtp`] | a JPEG | its packets put together are its scan; what other outlets send has the length that they say |
//!
//! A new one: a file here with `pub fn check(bytes: &[u8]) -> bool`, a line in [`TARGETS`], a file of a line in `fuzz/fuzz_targets`
//! with its entry in `fuzz/Cargo.toml`, and a few real inputs in `fuzz/corpus`. Nothing here may wait, or read a file or a clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(unreachable_pub, reason = "fuzz targets see it from outside, the tests from inside")]

pub mod credentials;
pub mod http;
pub mod rtcp;
pub mod rtp;
pub mod rtsp;
mod stream;

/// What a fuzz target calls.
pub type Property = fn(&[u8]) -> bool;

/// All of them by their names, which are those of their corpora.
pub const TARGETS: [(&str, Property); 5] = [
    ("http", http::check),
    ("credentials", credentials::check),
    ("rtsp", rtsp::check),
    ("rtcp", rtcp::check),
    ("rtp", rtp::check),
];

/// Numbers that look random, and are the same each time (SplitMix64).
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// Those of this seed.
    pub fn new(seed: u64) -> Self {
        Numbers(seed)
    }

    /// Those of these bytes (FNV-1a), so that a corpus has nothing in it but what is sent.
    pub fn of(bytes: &[u8]) -> Self {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Numbers(bytes.iter().fold(0xcbf2_9ce4_8422_2325, step))
    }

    /// The next one.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// One from zero up to this, which is left out.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// The text of an answer without a body: as many lines as it was given, and a blank one. So none of them is a client's.
fn assert_is_head(text: &str, lines: usize) {
    let head = text.strip_suffix("\r\n\r\n").expect("a blank line at the end");
    assert_eq!(head.split("\r\n").count(), lines, "{text:?}");
    assert!(!head.replace("\r\n", "").contains(char::is_control), "{text:?}");
}
