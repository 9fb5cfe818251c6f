//! RTSP as people's programs read it: each picture that they show is the one that they make of the frame itself, and none is missing.
//! A program makes pictures of its own of frames, by its own decoder, so each is compared with itself.

use super::http::folder;
use crate::support::carried::{self, WAYS};
use crate::support::procs::{Camcast, Program};
use crate::support::rtsp::address;
use crate::support::{PATIENCE, heavy_turn, left_out};
use camcast::jpeg::Size;
use camcast::picture::Pattern;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use turbojpeg::{Subsamp, Transform};

/// Frames that each program is to show, of each way of writing them.
const FRAMES: usize = 300;

/// Reads a stream or files with OpenCV, and writes each picture.
const OPENCV: &str = "
import sys, cv2, signal
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
capture = cv2.VideoCapture(sys.argv[1], cv2.CAP_FFMPEG)
while True:
    good, picture = capture.read()
    if not good:
        break
    sys.stdout.buffer.write(picture.tobytes())
";

/// How packets come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Udp,
    Tcp,
    Multicast,
}

/// A program that shows pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Player {
    Ffmpeg,
    Mpv,
    OpenCv,
    GStreamer,
}

impl Player {
    const ALL: [Player; 4] = [Player::Ffmpeg, Player::Mpv, Player::OpenCv, Player::GStreamer];

    pub fn is_here(self) -> bool {
        let can = |program: &str, args: &[&str]| {
            Command::new(program).args(args).output().is_ok_and(|output| output.status.success())
        };
        let here = match self {
            Player::Ffmpeg => can("ffmpeg", &["-version"]),
            Player::Mpv => can("mpv", &["--version"]),
            Player::OpenCv => python().is_some(),
            Player::GStreamer => {
                let needed = ["rtspsrc", "rtpjpegdepay", "jpegdec", "multifilesrc"];
                needed.iter().all(|element| can("gst-inspect-1.0", &[element]))
            }
        };
        if !here {
            left_out(&format!("no {self:?} here"));
        }
        here
    }

    /// It writes each picture of the stream to its standard output.
    fn of_stream(self, url: &str, by: By) -> Command {
        let by = match by {
            By::Udp => "udp",
            By::Tcp => "tcp",
            By::Multicast if self == Player::GStreamer => "udp-mcast",
            By::Multicast => "udp_multicast",
        };
        match self {
            Player::Ffmpeg => command("ffmpeg", &[FFMPEG, &["-rtsp_transport", by, "-i", url], RAW].concat()),
            Player::Mpv => command("mpv", &[MPV, &[&format!("--rtsp-transport={by}"), url]].concat()),
            Player::OpenCv => {
                let mut opencv = command(python().unwrap(), &["-c", OPENCV, url]);
                opencv.env("OPENCV_FFMPEG_CAPTURE_OPTIONS", format!("rtsp_transport;{by}"));
                opencv
            }
            Player::GStreamer => {
                let from = [&format!("location={url}"), &format!("protocols={by}"), "latency=200"];
                let from = [&["-q", "rtspsrc"], &from[..], &["!", "rtpjpegdepay"]].concat();
                command("gst-launch-1.0", &[&from[..], GSTREAMER].concat())
            }
        }
    }

    /// The same of a folder's files.
    fn of_files(self, folder: &Path, count: usize) -> Command {
        let files = folder.join("%04d.jpg");
        let files = files.to_str().unwrap();
        match self {
            Player::Ffmpeg => command("ffmpeg", &[FFMPEG, &["-f", "image2", "-i", files], RAW].concat()),
            Player::Mpv => command("mpv", &[MPV, &[&format!("mf://{}/*.jpg", folder.display())]].concat()),
            Player::OpenCv => command(python().unwrap(), &["-c", OPENCV, files]),
            Player::GStreamer => {
                let last = format!("stop-index={}", count - 1);
                let from = [
                    "-q",
                    "multifilesrc",
                    &format!("location={files}"),
                    &last,
                    "caps=image/jpeg,framerate=25/1",
                ];
                command("gst-launch-1.0", &[&from[..], GSTREAMER].concat())
            }
        }
    }
}

const FFMPEG: &[&str] = &["-v", "error", "-nostdin"];
const RAW: &[&str] = &["-fps_mode", "passthrough", "-f", "rawvideo", "-"];
const MPV: &[&str] = &[
    "--no-config",
    "--really-quiet",
    "--untimed",
    "--framedrop=no",
    "--ovc=rawvideo",
    "--of=rawvideo",
    "--o=-",
];
const GSTREAMER: &[&str] = &["!", "jpegdec", "!", "fdsink", "fd=1", "sync=false"];

fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args);
    command
}

/// A Python that has OpenCV: Debian's, if another one stands before it.
fn python() -> Option<&'static str> {
    ["python3", "/usr/bin/python3"].into_iter().find(|python| {
        let opencv = Command::new(python).args(["-c", "import cv2"]).output();
        opencv.is_ok_and(|output| output.status.success())
    })
}

/// What a program makes of the frames themselves: pictures of one length, in order.
pub(super) struct Direct {
    length: usize,
    pictures: Vec<u8>,
}

impl Direct {
    #[track_caller]
    pub fn new(player: Player, folder: &Path, count: usize) -> Self {
        let output = player.of_files(folder, count).output().unwrap();
        let why = String::from_utf8_lossy(&output.stderr);
        let pictures = output.stdout;
        let length = pictures.len() / count;
        assert!(
            pictures.len() == length * count && length > 0,
            "{player:?}: {} bytes: {why}",
            pictures.len()
        );
        let direct = Direct { length, pictures };
        let is_its_own = |(number, picture)| direct.number(picture) == Some(number);
        let differ = (0..).zip(direct.pictures.chunks(length)).all(is_its_own);
        assert!(differ, "{player:?}: pictures that are alike: {why}");
        direct
    }

    /// Which frame a picture is of.
    fn number(&self, picture: &[u8]) -> Option<usize> {
        self.pictures.chunks(self.length).position(|it| it == picture)
    }
}

/// A program that shows the stream.
pub(super) struct Viewer {
    player: Player,
    by: By,
    program: Program,
    /// Says that all that were wanted have come.
    has_all: Receiver<()>,
    /// Ends with the program. Which frames came; none: a picture that is no frame's.
    shown: JoinHandle<Vec<Option<usize>>>,
}

impl Viewer {
    pub fn start(player: Player, by: By, url: &str, direct: Direct, wanted: usize) -> Self {
        let (mut reader, writer) = UnixStream::pair().unwrap();
        let mut command = player.of_stream(url, by);
        let program = Program::start_to("a player", &mut command, OwnedFd::from(writer));
        let (told, has_all) = channel();
        let shown = thread::spawn(move || {
            let (mut picture, mut shown) = (vec![0; direct.length], Vec::new());
            while reader.read_exact(&mut picture).is_ok() {
                shown.push(direct.number(&picture));
                if shown.len() == wanted {
                    let _ = told.send(());
                }
            }
            shown
        });
        Viewer { player, by, program, has_all, shown }
    }

    fn name(&self) -> String {
        format!("{:?} by {:?}", self.player, self.by)
    }

    /// Waits for all that are wanted, and ends it as a person does.
    #[track_caller]
    pub fn end(self) -> Shown {
        let name = self.name();
        if self.has_all.recv_timeout(PATIENCE).is_err() {
            panic!("{name} does not show enough: {}", self.program.log());
        }
        let dropped = dropped(self.program.pid());
        self.program.stop(Signal::SIGINT);
        Shown { name, frames: self.shown.join().unwrap(), dropped }
    }
}

/// What a program has shown.
pub(super) struct Shown {
    name: String,
    frames: Vec<Option<usize>>,
    /// Datagrams that it did not take in time.
    dropped: u64,
}

/// Datagrams that a program did not take in time, and the system dropped.
fn dropped(pid: Pid) -> u64 {
    let links = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|fd| fs::read_link(fd.unwrap().path()).ok());
    let sockets: Vec<PathBuf> = links.collect();
    let rows = fs::read_to_string(format!("/proc/{pid}/net/udp")).unwrap();
    let rows = rows.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>());
    let its_own = rows.filter(|row| sockets.contains(&PathBuf::from(format!("socket:[{}]", row[9]))));
    its_own.map(|row| row[12].parse::<u64>().unwrap()).sum()
}

impl Shown {
    /// Each picture is one of `count` frames, and each frame is there from the first that was shown on; unless camcast has skipped
    /// some, or this program was too slow for datagrams, as happens on a busy machine.
    #[track_caller]
    pub fn assert_whole(&self, count: usize, has_skipped: bool) {
        let Shown { name, frames, dropped } = self;
        let wrong = frames.iter().filter(|frame| frame.is_none()).count();
        let numbers: Vec<usize> = frames.iter().flatten().copied().collect();
        let gaps: Vec<_> = numbers.windows(2).filter(|two| (two[0] + 1) % count != two[1]).collect();
        let figures = format!("{} pictures, {wrong} of them no frame's, {} gaps", frames.len(), gaps.len());
        println!("{name}: {figures}; {dropped} datagrams dropped; camcast has skipped some: {has_skipped}");
        assert_eq!(wrong, 0, "{name}: the first: {:?}", frames.iter().position(Option::is_none));
        assert!(gaps.is_empty() || has_skipped || *dropped > 0, "{name}: frames are missing: {gaps:?}");
    }
}

/// All programs that are here show these pictures, each by UDP and by TCP.
#[track_caller]
fn shown_by(players: &[Player], path: &str, jpegs: &[Vec<u8>], (fps, wanted): (&str, usize)) {
    shown_with(&[], players, path, jpegs, (fps, wanted));
}

/// The same with these options.
#[track_caller]
fn shown_with(
    options: &[&str],
    players: &[Player],
    path: &str,
    jpegs: &[Vec<u8>],
    (fps, wanted): (&str, usize),
) {
    let players: Vec<Player> = players.iter().copied().filter(|player| player.is_here()).collect();
    if players.is_empty() {
        return;
    }
    let _turn = heavy_turn();
    let folder = folder(jpegs);
    let source = folder.path().to_str().unwrap();
    let camcast = Camcast::start(&[&[source, "-f", fps, "--rtsp", "127.0.0.1:0"], options].concat());
    let at = address(&camcast);
    let url = format!("rtsp://{at}{path}");
    let both = players.iter().flat_map(|player| [(*player, By::Udp), (*player, By::Tcp)]);
    let viewers: Vec<Viewer> = both
        .map(|(player, by)| {
            let direct = Direct::new(player, folder.path(), jpegs.len());
            Viewer::start(player, by, &url, direct, wanted)
        })
        .collect();
    let each: Vec<Shown> = viewers.into_iter().map(Viewer::end).collect();
    camcast.wait_line("clients now: 0");
    let has_skipped = camcast.program.log().contains(" skipped; clients now");
    each.iter().for_each(|shown| shown.assert_whole(jpegs.len(), has_skipped));
}

#[test]
fn each_player_shows_each_frame_of_422_however_it_is_written() {
    let jpegs = carried::pictures(Subsamp::Sub2x1, 6 * WAYS.len());
    shown_by(&Player::ALL, "/stream", &jpegs, ("90", FRAMES * WAYS.len()));
}

#[test]
fn each_player_shows_each_frame_of_420_however_it_is_written() {
    let jpegs = carried::pictures(Subsamp::Sub2x2, 6 * WAYS.len());
    shown_by(&Player::ALL, "/stream", &jpegs, ("90", FRAMES * WAYS.len()));
}

#[test]
fn gstreamer_shows_frames_that_are_larger_than_packets_can_say() {
    let mut pattern = Pattern::new(Size { width: 2592, height: 1944 }, Pattern::QUALITY).unwrap();
    let jpegs: Vec<Vec<u8>> = (0..10).map(|number| pattern.draw(number, "").unwrap().to_vec()).collect();
    shown_by(&[Player::GStreamer], "/", &jpegs, ("25", FRAMES));
}

/// Two of three frames cannot go as they are: with Huffman tables of their own, and progressive.
#[test]
fn each_player_shows_frames_that_are_written_anew() {
    let jpegs = carried::pictures(Subsamp::Sub2x2, 42);
    let recoded = jpegs.iter().enumerate().map(|(number, jpeg)| {
        let mut how = Transform::default();
        (how.optimize, how.progressive) = (number % 3 == 1, number % 3 == 2);
        turbojpeg::transform(&how, jpeg).unwrap().to_vec()
    });
    let recoded: Vec<Vec<u8>> = recoded.collect();
    shown_with(&["--rtsp-recode"], &Player::ALL, "/stream", &recoded, ("30", FRAMES));
}

/// They are offered a profile that they may not know.
#[test]
fn each_player_shows_what_may_be_asked_for_again() {
    let jpegs = carried::pictures(Subsamp::Sub2x1, 42);
    shown_by(&Player::ALL, "/stream?nack=1", &jpegs, ("60", FRAMES));
}
