//! What must hold of whatever comes from outside, a function a fuzz target: it panics if that is not so, and says whether the bytes
//! came to anything.
//!
//! | target | its bytes | what holds |
//! |---|---|---|
//! | [`http`] | what comes over a connection | the same requests however it is cut; limits; answers without a client's line; who may ask |
//! | [`credentials`] | method, target and `Authorization` | nobody comes in without the password, nor by what was made for another request |
//! | [`rtsp`] | what comes over a connection | as of HTTP; what can be asked when; the way that an answer repeats |
//! | [`rtcp`] | a datagram | it is heard to its end; what is asked for again is that packet, and not without end |
//! | [`mdns`] | a message | names and what is found are bounded; what is answered speaks of this camera alone, and is found |
//! | [`sealed`] | a key file, a sealed join or a datagram | a key is its text; nothing opens that was made without one |
//! | [`sign`] | a JPEG | signed it proves itself, and with any bit flipped it does not; what it claims is no proof |
//! | [`rtp`] | a JPEG | its packets put together are its scan; what other outlets send has the length that they say |
//! | [`wire`] | a join, a reply, a datagram of either side | what was read is written as it was; a join is one however it is cut |
//! | [`hub`] | a script: joins, datagrams and times of clients | nobody is sent what he has not asked for; all of it ends |
//! | [`server`] | a script: datagrams and times of a server | each number is told of once, in order; memory, answers and wake-ups are bounded |
//! | [`forged`] | a script: frames, and what others say beside the server | all frames come out as they were sent |
//! | [`split`] | a stream of JPEGs | the same frames however it is cut |
//! | [`picture`] | a JPEG | what is decoded has the size that it says, and the next one is decoded as by a new decoder |
//! | [`recording`] | a file | reading comes to its end; what is repaired is whole, and has the frames that were read |
//! | [`index`] | an index | no name leads out; its text says the same; its sums are right |
//! | [`spill`] | a chunk of frames, or a list of who waits for them | what is read was checked, has its length, and is written as it was |
//! | [`words`] | arguments, a line each | what is spelled out stays so; quantities within their limits; names that are names |
//!
//! A script is a few bytes a step, where there is one for each choice (`script`), so that a fuzzer may change one step alone.
//!
//! A new one: a file here with `pub fn check(bytes: &[u8]) -> bool`, a line in [`TARGETS`], a file of a line in `fuzz/fuzz_targets`
//! with its entry in `fuzz/Cargo.toml`, and a few real inputs in `fuzz/corpus`, or `seeds()` that write them. Nothing here may wait, or read a file or a clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(unreachable_pub, reason = "fuzz targets see it from outside, the tests from inside")]

pub mod credentials;
pub mod forged;
pub mod http;
pub mod hub;
pub mod index;
pub mod mdns;
pub mod picture;
pub mod recording;
pub mod rtcp;
pub mod rtp;
pub mod rtsp;
mod script;
pub mod sealed;
pub mod server;
pub mod sign;
pub mod spill;
pub mod split;
mod stream;
pub mod wire;
pub mod words;

/// What a fuzz target calls.
pub type Property = fn(&[u8]) -> bool;

/// All of them by their names, which are those of their corpora.
pub const TARGETS: [(&str, Property); 18] = [
    ("http", http::check),
    ("credentials", credentials::check),
    ("rtsp", rtsp::check),
    ("rtcp", rtcp::check),
    ("rtp", rtp::check),
    ("mdns", mdns::check),
    ("sealed", sealed::check),
    ("sign", sign::check),
    ("wire", wire::check),
    ("hub", hub::check),
    ("server", server::check),
    ("forged", forged::check),
    ("split", split::check),
    ("picture", picture::check),
    ("recording", recording::check),
    ("index", index::check),
    ("spill", spill::check),
    ("words", words::check),
];

/// What makes a corpus.
pub type Seeds = fn() -> Vec<(String, Vec<u8>)>;

/// Those corpora that are made by code; the others are recorded.
pub const SEEDS: [(&str, Seeds); 11] = [
    ("wire", wire::seeds),
    ("hub", hub::seeds),
    ("server", server::seeds),
    ("forged", forged::seeds),
    ("sign", sign::seeds),
    ("split", split::seeds),
    ("picture", picture::seeds),
    ("recording", recording::seeds),
    ("index", index::seeds),
    ("spill", spill::seeds),
    ("words", words::seeds),
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
