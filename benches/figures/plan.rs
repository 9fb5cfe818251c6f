//! What is measured, and for how long.

use camcast::jpeg::Size;

/// The parts, in the order in which they run.
pub(crate) const PARTS: [&str; 4] = ["sender", "recorder", "peers", "loss"];

/// The usual sizes of cameras, with what their frames have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Picture {
    pub(crate) name: &'static str,
    pub(crate) size: Size,
    pub(crate) bytes: usize,
}

const fn picture(name: &'static str, width: u16, height: u16, bytes: usize) -> Picture {
    Picture { name, size: Size { width, height }, bytes }
}

const PICTURES: [Picture; 4] = [
    picture("480p", 640, 480, 30_000),
    picture("720p", 1280, 720, 100_000),
    picture("1080p", 1920, 1080, 200_000),
    picture("4K", 3840, 2160, 800_000),
];

/// Where one size has to do: 1080p, and 720p where it has to get through a narrow place.
pub(crate) const USUAL: Picture = PICTURES[2];
pub(crate) const SMALLER: Picture = PICTURES[1];

/// Frames a second.
pub(crate) const FPS: u32 = 30;

/// What is asked for.
pub(crate) struct Plan {
    parts: Vec<String>,
    /// For a first look: one round, and less of everything.
    pub(crate) is_quick: bool,
    pub(crate) rounds: usize,
    /// Frames that pass until a sender has settled, and frames that are measured then.
    pub(crate) warm: u32,
    pub(crate) frames: u32,
    pub(crate) pictures: Vec<Picture>,
    pub(crate) clients: Vec<usize>,
}

impl Plan {
    /// Of the parts that are named, or of all. `QUICK=1`, `ROUNDS=5`, `WARM=90` and `FRAMES=300` in the environment change how
    /// much of it.
    pub(crate) fn new(parts: Vec<String>) -> Self {
        if let Some(odd) = parts.iter().find(|part| !PARTS.contains(&&part[..])) {
            eprintln!("no part {odd}: there are {}", PARTS.join(", "));
            std::process::exit(2);
        }
        let parts = if parts.is_empty() { PARTS.map(str::to_owned).to_vec() } else { parts };
        let is_quick = std::env::var("QUICK").is_ok_and(|quick| !quick.is_empty() && quick != "0");
        let or = |name: &str, quick: u32, usual: u32| {
            let given = std::env::var(name).ok().filter(|given| !given.is_empty());
            let wanted = given.map(|given| given.parse().unwrap_or_else(|_| panic!("{name}={given}")));
            wanted.unwrap_or(if is_quick { quick } else { usual }).max(1)
        };
        let (pictures, clients) = if is_quick {
            (vec![SMALLER, USUAL], vec![1, 16])
        } else {
            (PICTURES.to_vec(), vec![1, 4, 16, 64])
        };
        let (rounds, warm, frames) = (or("ROUNDS", 1, 3), or("WARM", 45, 60), or("FRAMES", 45, 60));
        Plan { parts, is_quick, rounds: rounds as usize, warm, frames, pictures, clients }
    }

    pub(crate) fn has(&self, part: &str) -> bool {
        self.parts.iter().any(|wanted| wanted == part)
    }

    /// What to type to have the same again.
    pub(crate) fn command(&self) -> String {
        let quick = if self.is_quick { "QUICK=1 " } else { "" };
        let only = if self.parts.len() == PARTS.len() {
            String::new()
        } else {
            format!(" ONLY=\"{}\"", self.parts.join(" "))
        };
        format!("{quick}ROUNDS={} WARM={} FRAMES={} make bench{only}", self.rounds, self.warm, self.frames)
    }
}
