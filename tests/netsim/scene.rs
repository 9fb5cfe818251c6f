//! What is simulated: the camera, the receivers, their paths.

use crate::account::Report;
use crate::netem::{Rng, Spec};
use crate::pair::Bench;
use camcast::receiver::Patience;
use camcast::time::Time;
use camcast::wire::join::Policy;
use std::f64::consts::TAU;
use std::sync::OnceLock;
use std::time::Duration;

/// When the camera starts, on the virtual clock. The receivers' stamps, in microseconds, wrap five seconds later, which
/// is to be of no consequence.
pub const START: Time = Time::from_millis(3_513_000);

/// The receive buffer that camrec asks for.
pub const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Of all chance.
    pub seed: u64,
    pub camera: Camera,
    pub clock: CameraClock,
    pub absence: Option<Absence>,
    pub night: Option<Night>,
    /// Bytes of the reel.
    pub reel: usize,
    /// Bytes of a datagram's payload.
    pub datagram: u16,
    pub viewers: Vec<Viewer>,
    /// What goes to any of them goes through this first: the board's own line.
    pub line: Spec,
    /// The camera delivers for this long ...
    pub length: Duration,
    /// ... and what is under way then may take this long, before everybody leaves.
    pub settle: Duration,
    /// The chance of each send to find the socket's buffer full ...
    pub blocked: f64,
    /// ... for up to this long.
    pub blocked_for: Duration,
    /// Each event is told on standard error; set by the environment's `TRACE`.
    pub trace: bool,
}

/// A camera that never tires.
#[derive(Clone, Copy, Debug)]
pub struct Camera {
    /// Frames a second.
    pub fps: f64,
    /// Bytes of a frame, on average.
    pub mean: usize,
    /// A frame's bytes lie between `mean * (1 - spread)` and `mean * (1 + spread)`.
    pub spread: f64,
}

/// The camera goes away and comes back; then its driver counts from zero.
#[derive(Clone, Copy, Debug)]
pub struct Absence {
    /// The last frame before.
    pub after: u32,
    /// The next frame comes this much later than it would have.
    pub lasts: Duration,
}

/// The camera is slow in the dark, which is from one time to another.
#[derive(Clone, Copy, Debug)]
pub struct Night {
    pub from: Duration,
    pub until: Duration,
    /// Frames a second.
    pub fps: f64,
}

impl Night {
    /// When that frame comes, in seconds, of a camera with this rate by day.
    fn time_of(&self, number: f64, by_day: f64) -> f64 {
        let (from, until) = (self.from.as_secs_f64(), self.until.as_secs_f64());
        let evening = from * by_day;
        let morning = evening + (until - from) * self.fps;
        if number <= evening {
            number / by_day
        } else if number <= morning {
            from + (number - evening) / self.fps
        } else {
            until + (number - morning) / by_day
        }
    }
}

impl Absence {
    /// camcast has lost its camera when no frame has come for this long.
    pub const NOTICED: Duration = Duration::from_secs(2);
}

/// What the camera's clock shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct CameraClock {
    /// It is fast by this.
    pub fast_ppm: f64,
    /// The board gets warm and cold: it is faster and slower by this ...
    pub swing_ppm: f64,
    /// ... in this time.
    pub swing: Duration,
    /// When it jumps, and by how many seconds.
    pub jump: Option<(Duration, f64)>,
}

impl CameraClock {
    /// At this time since the start.
    pub fn shows(&self, since: Duration) -> Time {
        let (at, omega) = (since.as_secs_f64(), TAU / self.swing.as_secs_f64().max(1.0));
        let swung = self.swing_ppm / omega * (1.0 - (omega * at).cos());
        let jumped = self.jump.map_or(0.0, |(from, by)| if since >= from { by } else { 0.0 });
        let wrong = (self.fast_ppm * at + swung) / 1e6 + jumped;
        let shows = START.after(since);
        let size = Duration::from_secs_f64(wrong.abs());
        if wrong < 0.0 { shows.before(size) } else { shows.after(size) }
    }
}

/// One receiver and its path.
#[derive(Clone, Debug)]
pub struct Viewer {
    pub policy: Policy,
    pub patience: Patience,
    /// It offers to take parity rows.
    pub parity: bool,
    /// From camcast.
    pub down: Spec,
    /// To camcast.
    pub up: Spec,
    /// Another path beside that one, down and up.
    pub also: Option<(Spec, Spec)>,
    /// When it first joins; zero: a second before the camera starts.
    pub joins: Duration,
    /// Its program stands still: datagrams wait in the receive buffer, as far as that holds them.
    pub deaf: Vec<(Duration, Duration)>,
    /// Bytes.
    pub receive_buffer: usize,
}

impl Viewer {
    /// A recorder with the same path both ways.
    pub fn every(path: &Spec) -> Self {
        Viewer {
            policy: Policy::Every,
            patience: Patience::Reel,
            parity: false,
            down: path.clone(),
            up: path.clone(),
            also: None,
            joins: Duration::ZERO,
            deaf: Vec::new(),
            receive_buffer: RECEIVE_BUFFER,
        }
    }

    /// A viewer with the same path both ways, and camrec's 120 ms.
    pub fn newest(path: &Spec) -> Self {
        Viewer {
            policy: Policy::Newest,
            patience: Patience::Latency(Duration::from_millis(120)),
            parity: true,
            ..Viewer::every(path)
        }
    }

    /// The same by another path too, which is the same both ways.
    #[must_use]
    pub fn also(self, path: &Spec) -> Self {
        Viewer { also: Some((path.clone(), path.clone())), ..self }
    }

    /// The same on a path that only delays.
    pub fn without_faults(&self) -> Self {
        Viewer {
            down: self.down.without_faults(),
            up: self.up.without_faults(),
            also: self.also.as_ref().map(|(down, up)| (down.without_faults(), up.without_faults())),
            deaf: Vec::new(),
            ..self.clone()
        }
    }
}

impl Scene {
    /// 30 frames a second of 60 kB, a reel of 32 MiB, nobody there.
    pub fn new(seed: u64, length: Duration) -> Self {
        Scene {
            seed,
            camera: Camera { fps: 30.0, mean: 60_000, spread: 0.0 },
            clock: CameraClock::default(),
            absence: None,
            night: None,
            reel: 32 << 20,
            datagram: 1452,
            viewers: Vec::new(),
            line: Spec::default(),
            length,
            settle: Duration::from_secs(2),
            blocked: 0.0,
            blocked_for: Duration::from_millis(5),
            trace: std::env::var_os("TRACE").is_some(),
        }
    }

    /// One more receiver.
    #[must_use]
    pub fn with(mut self, viewer: Viewer) -> Self {
        self.viewers.push(viewer);
        self
    }

    /// The same, with each path only delaying: what delays are compared with.
    pub fn without_faults(&self) -> Self {
        let viewers = self.viewers.iter().map(Viewer::without_faults).collect();
        Scene { viewers, line: Spec::default(), blocked: 0.0, trace: false, ..self.clone() }
    }

    /// Simulates it.
    pub fn run(&self) -> Report {
        Bench::new(self.clone()).run()
    }

    /// When the camera delivers that frame.
    pub fn captured(&self, number: u32) -> Time {
        let away = self.absence_before(number).map_or(Duration::ZERO, |absence| absence.lasts);
        let (number, by_day) = (f64::from(number), self.camera.fps);
        let at = self.night.map_or(number / by_day, |night| night.time_of(number, by_day));
        START.after(Duration::from_secs_f64(at)).after(away)
    }

    fn absence_before(&self, number: u32) -> Option<Absence> {
        self.absence.filter(|absence| number > absence.after)
    }

    /// What the driver counts that frame as.
    pub fn sequence(&self, number: u32) -> u32 {
        self.absence_before(number).map_or(number, |absence| number - absence.after - 1)
    }

    /// It is the first one after the absence.
    pub fn is_return(&self, number: u32) -> bool {
        self.absence.is_some_and(|absence| number == absence.after + 1)
    }

    /// When that is on the camera's clock.
    pub fn stamp(&self, number: u32) -> Time {
        self.clock.shows(self.captured(number).since(START))
    }

    /// What the camera delivers as that frame.
    pub fn picture(&self, number: u32) -> &'static [u8] {
        let mut chance = Rng::new(self.seed ^ (u64::from(number) << 32));
        let share = chance.between(1.0 - self.camera.spread, 1.0 + self.camera.spread);
        let length = ((self.camera.mean as f64 * share) as usize).max(1);
        let noise = noise();
        let start = chance.next_u64() as usize % (noise.len() - length);
        &noise[start..start + length]
    }
}

/// Random bytes, which every frame is a piece of.
fn noise() -> &'static [u8] {
    static NOISE: OnceLock<Vec<u8>> = OnceLock::new();
    NOISE.get_or_init(|| {
        let mut chance = Rng::new(0);
        (0..1 << 17).flat_map(|_| chance.next_u64().to_le_bytes()).collect()
    })
}
