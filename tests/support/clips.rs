//! A folder of JPEGs that tell their own numbers, for camcast to stream; and what came of them, byte for byte.

use super::Noise;
use super::film::RecordingReader;
use super::pictures::commented;
use super::procs::{Ended, Program, camrec_command};
use camcast::jpeg::Size;
use camcast::picture::Pattern;
use camcast::sys::clock;
use camcast::time::Time;
use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tempfile::TempDir;

/// Where a clip's comment begins: behind SOI, its marker, and its length.
const COMMENT: usize = 6;

/// What a comment begins with: the clip's index and its length, four bytes each.
const LABEL: usize = 8;

/// Distinct JPEGs of 1280x720, 85 to 110 kB, in a folder. camcast plays them in a loop and counts frames from 1: frame
/// `n` is clip `(n - 1) % count`.
pub struct Clips {
    folder: TempDir,
    jpegs: Vec<Vec<u8>>,
}

impl Clips {
    pub fn new(count: usize) -> Self {
        let mut pattern = Pattern::new(Size { width: 1280, height: 720 }, Pattern::QUALITY).unwrap();
        let pictures: Vec<Vec<u8>> =
            (0..8).map(|number| pattern.draw(number, "").unwrap().to_vec()).collect();
        let mut noise = Noise::new(count as u64);
        let jpegs: Vec<Vec<u8>> = (0..count)
            .map(|index| {
                let mut comment = [index as u32, 0].map(u32::to_be_bytes).concat();
                let more = noise.below(25_000);
                comment.extend(noise.bytes(more));
                let mut jpeg = commented(&pictures[index % pictures.len()], &comment);
                let len = (jpeg.len() as u32).to_be_bytes();
                jpeg[COMMENT + 4..COMMENT + LABEL].copy_from_slice(&len);
                jpeg
            })
            .collect();
        let folder = tempfile::tempdir().unwrap();
        for (index, jpeg) in jpegs.iter().enumerate() {
            fs::write(folder.path().join(format!("{index:05}.jpg")), jpeg).unwrap();
        }
        Clips { folder, jpegs }
    }

    pub fn path(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    /// The clip that begins with these bytes, and its length.
    fn label(head: &[u8]) -> (usize, usize) {
        let number = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().unwrap()) as usize;
        (number(COMMENT), number(COMMENT + 4))
    }

    /// The frame numbers of clips that came in order, from frame `first` on, with gaps shorter than all clips.
    pub fn number<T>(&self, first: u32, came: Vec<(usize, T)>) -> impl Iterator<Item = (u32, T)> {
        let count = self.jpegs.len() as u32;
        let mut next = first;
        came.into_iter().map(move |(clip, what)| {
            let number = next + (clip as u32 + count - (next - 1) % count) % count;
            next = number + 1;
            (number, what)
        })
    }

    /// Each is a clip, byte for byte, and of frame `numbers`' number in turn.
    #[track_caller]
    pub fn assert_frames<'a>(
        &self,
        jpegs: impl IntoIterator<Item = &'a [u8]>,
        numbers: impl IntoIterator<Item = u32>,
    ) {
        let mut numbers = numbers.into_iter();
        for jpeg in jpegs {
            let number = numbers.next().expect("as many numbers as frames");
            let clip = (number as usize - 1) % self.jpegs.len();
            assert_eq!(Clips::label(jpeg).0, clip, "the clip that is here as frame {number}");
            assert!(jpeg == self.jpegs[clip], "frame {number} is not as it was");
        }
        assert_eq!(numbers.next(), None, "a frame that is not here");
    }

    /// The same of a folder of recordings.
    #[track_caller]
    pub fn assert_recorded(&self, folder: &Path, numbers: impl IntoIterator<Item = u32>) {
        let films = RecordingReader::read_folder(folder);
        films.iter().for_each(RecordingReader::assert_times_rise);
        self.assert_frames(films.iter().flat_map(|film| &film.shots).map(|shot| &shot.jpeg[..]), numbers);
    }
}

/// camrec with its frames on standard output, and somebody who looks at the clock as each is complete.
pub struct Watch {
    pub camrec: Program,
    reader: JoinHandle<Vec<(usize, Time)>>,
}

impl Watch {
    /// Clips are compared with what was streamed as they come.
    pub fn start(clips: &Clips, from: SocketAddr, args: &[&str]) -> Self {
        // a pipe by another name: std's own is too new
        let (reader, writer) = UnixStream::pair().unwrap();
        let args = [&["-o", "-", "--format", "mjpeg"], args].concat();
        let mut command = camrec_command(&from.to_string(), &args);
        let camrec = Program::start_to("camrec", &mut command, OwnedFd::from(writer));
        let jpegs = clips.jpegs.clone();
        let reader = thread::spawn(move || watch(&jpegs, reader));
        Watch { camrec, reader }
    }

    /// Which clip was complete when. The program ends by itself within this time.
    #[track_caller]
    pub fn end_within(self, wait: Duration) -> (Ended, Vec<(usize, Time)>) {
        let ended = self.camrec.wait_exit_within(wait);
        (ended, self.reader.join().expect("what camrec wrote is not what was streamed"))
    }
}

fn watch(jpegs: &[Vec<u8>], mut from: UnixStream) -> Vec<(usize, Time)> {
    let mut came = Vec::new();
    let mut jpeg = vec![0; COMMENT + LABEL];
    loop {
        jpeg.resize(COMMENT + LABEL, 0);
        if from.read_exact(&mut jpeg).is_err() {
            return came;
        }
        let (clip, len) = Clips::label(&jpeg);
        jpeg.resize(len, 0);
        from.read_exact(&mut jpeg[COMMENT + LABEL..]).expect("a whole frame");
        came.push((clip, clock::now()));
        assert!(jpeg == jpegs[clip], "a clip that is not as it was");
    }
}
