//! What the integration tests share: the real programs as guarded processes, clients that know nothing of our code,
//! pictures, and recordings read back.
//!
//! | module | what |
//! |---|---|
//! | [`browser`] | Chromium without a screen |
//! | [`procs`] | camcast and camrec: started, listened to line by line, never left behind |
//! | [`plain`] | a client of the original protocol, on raw sockets |
//! | [`native`] | a client of our own protocol, from hand-made bytes |
//! | [`liar`] | a server that lies, in one way after the other |
//! | [`pictures`] | JPEGs to stream, and which frame of the pattern a JPEG shows |
//! | [`film`] | what a recording holds |
//! | [`clips`] | JPEGs that tell their own numbers, and what came of them |
//! | [`netem`] | a bad network, one direction of it, as a library |
//! | [`proxy`] | the same in front of a real server |
//! | [`quirks`] | frames as cameras really make them |
//! | [`carried`] | JPEGs that RTP has words for, and some that it has not |
//! | [`rtsp`] | an RTSP client, and a path that loses its packets |
//! | [`machine`] | a disk that stalls or fails, a clock that is set |
//! | [`http`] | an HTTP client, by the rules that real ones have |
//! | [`forger`] | datagrams from any address |
//! | [`quiet`] | whether a log is quiet |
//! | [`inside`] | a network of a test's own |
//! | [`json`] | what camrec tells programs |
//! | [`books`] | whether it adds up |

pub mod books;
pub mod browser;
pub mod carried;
pub mod clips;
pub mod film;
pub mod forger;
pub mod front;
pub mod http;
pub mod inside;
pub mod json;
pub mod liar;
pub mod machine;
pub mod native;
#[allow(dead_code, reason = "the rest is for tests/netsim")]
pub mod netem;
pub mod pictures;
pub mod plain;
pub mod procs;
pub mod proxy;
pub mod quiet;
pub mod quirks;
pub mod rtsp;

use camcast::sys::clock;
use camcast::time::Time;
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long a test waits for what has to come. Only a failure takes so long: machines are noisy, and may be emulated.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What the protocol promises within five seconds is waited for as long as this.
pub const FIVE_SECONDS: Duration = Duration::from_secs(15);

/// The end of a wait that begins now.
pub fn deadline(wait: Duration) -> Time {
    clock::now().after(wait)
}

/// What is left until then, at least a millisecond: a socket's timeout may not be zero.
pub fn left(until: Time) -> Duration {
    until.since(clock::now()).max(Duration::from_millis(1))
}

/// True once the time has come.
pub fn is_over(until: Time) -> bool {
    clock::now() >= until
}

/// The next datagram's length and sender; none if none comes in this time. A signal to some thread is no reason to stop.
#[track_caller]
pub fn receive_within(udp: &UdpSocket, bytes: &mut [u8], wait: Duration) -> Option<(usize, SocketAddr)> {
    let until = deadline(wait);
    loop {
        udp.set_read_timeout(Some(left(until))).unwrap();
        match udp.recv_from(bytes) {
            Ok(received) => return Some(received),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return None,
            Err(error) => panic!("receive: {error}"),
        }
    }
}

/// Says past the test harness's capture, so that it is seen where the test passes, what this machine cannot test.
/// `tests/scripts/run.sh` repeats it at the end.
pub fn left_out(why: &str) {
    let thread = std::thread::current();
    let line = format!("left out: {}: {why}\n", thread.name().unwrap_or("a test"));
    // as one write: other tests print at the same time
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// How many tests may load the machine at once. The others of the eight mostly wait.
const HEAVY: usize = 3;

static HEAVY_NOW: Mutex<usize> = Mutex::new(0);
static HEAVY_LESS: Condvar = Condvar::new();

/// A heavy test's turn, over when it is dropped.
pub struct Turn(());

/// For tests that keep a processor busy, or that need it in time: waits until fewer than [`HEAVY`] of them run.
pub fn heavy_turn() -> Turn {
    let now = HEAVY_NOW.lock().unwrap_or_else(PoisonError::into_inner);
    let mut now = HEAVY_LESS.wait_while(now, |now| *now >= HEAVY).unwrap_or_else(PoisonError::into_inner);
    *now += 1;
    Turn(())
}

impl Drop for Turn {
    fn drop(&mut self) {
        *HEAVY_NOW.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        HEAVY_LESS.notify_one();
    }
}

/// Between two looks at what nobody announces, such as a file.
pub fn pause() {
    std::thread::park_timeout(Duration::from_millis(10));
}

/// Numbers that look random and are the same in each run: xorshift64*.
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Noise(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Less than `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 16) as usize % limit
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| (self.next() >> 32) as u8).collect()
    }
}
