//! MJPEG on standard input: how a Raspberry Pi's ribbon-cable camera comes in, by way of `rpicam-vid`.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::pace::{Pace, Remark};
use super::stream_buffer::{Found, StreamBuffer};
use super::{CaptureError, Description, Lease, OpenError, Rate};
use crate::jpeg::Size;
use crate::time::Time;

/// The name in messages.
const NAME: &str = "standard input";

/// The most reads in one grab, each of 64 KiB or more: the loop has other work too.
const READS: usize = 16;

/// A byte stream of JPEGs that sets its own pace, unless it is to be read no faster than at some rate.
pub struct Pipe {
    file: File,
    /// The flags to leave behind.
    flags: OFlag,
    intake: StreamBuffer,
    sequence: u32,
    /// What was given, whole or not, but for what the end has cut off.
    frames: u64,
    pace: Pace,
    /// A frame that has come too soon.
    held: Option<Found>,
    /// The stream has ended, with this many bytes of a frame that it did not finish.
    ended: Option<usize>,
    /// After a frame, bytes wait that poll knows nothing of and that may be the next.
    more: bool,
    description: Description,
}

impl Pipe {
    /// Takes standard input, which must not be a terminal.
    ///
    /// # Errors
    /// [`OpenError::Unreadable`].
    pub fn stdin(size: Option<Size>, rate: Option<Rate>) -> Result<Self, OpenError> {
        let stdin = io::stdin();
        if stdin.is_terminal() {
            return Err(unreadable("it is a terminal: pipe MJPEG into it, as in rpicam-vid ... | camcast -"));
        }
        let fd = stdin.as_fd().try_clone_to_owned().map_err(|error| unreadable(&error.to_string()))?;
        Pipe::open(fd, rate, notes(size))
    }

    fn open(fd: OwnedFd, rate: Option<Rate>, notes: Vec<String>) -> Result<Self, OpenError> {
        let flags = stop_blocking(fd.as_fd()).map_err(|errno| unreadable(errno.desc()))?;
        let (file, intake) = (File::from(fd), StreamBuffer::new());
        Ok(Pipe {
            file,
            flags,
            intake,
            sequence: 0,
            frames: 0,
            pace: Pace::new(rate),
            held: None,
            ended: None,
            more: false,
            description: description(rate, notes),
        })
    }

    /// The descriptor to poll for `POLLIN`; none while nothing more is to be read.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.held.is_none().then(|| self.file.as_fd())
    }

    /// In time if a frame has come too soon, at once if one may wait that has been read already, else when poll says.
    pub fn due(&self) -> Option<Time> {
        if self.held.is_some() { Some(self.pace.earliest()) } else { self.more.then(Time::default) }
    }

    /// The next frame, stamped with `now`: a stream of JPEGs says nothing of when they were captured. What is no whole
    /// frame is given as well, so that it is counted; at the end that is the half frame there.
    ///
    /// # Errors
    /// [`CaptureError::Ended`] at the end, [`CaptureError::NotMjpeg`] after 16 MiB without a first frame, [`CaptureError::Unreadable`].
    pub fn grab(&mut self, now: Time) -> Result<Option<Lease<'_>>, CaptureError> {
        let found = match self.held.take() {
            held @ Some(_) => held,
            None => self.next_frame()?,
        };
        let Some(found) = found else { return Ok(None) };
        if !self.pace.take(now) {
            self.held = Some(found);
            return Ok(None);
        }
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        self.pace.remark(now).into_iter().for_each(say);
        Ok(Some(Lease::of_found(&self.intake, found, now, sequence)))
    }

    /// Little: the frames themselves tell the size.
    pub fn describe(&self) -> &Description {
        &self.description
    }

    fn next_frame(&mut self) -> Result<Option<Found>, CaptureError> {
        if let Some(half) = self.ended {
            return Err(self.end(half));
        }
        for _ in 0..READS {
            if let Some(found) = self.intake.next_frame() {
                self.more = self.intake.waiting();
                self.frames += 1;
                return Ok(Some(found));
            }
            if self.intake.hopeless() {
                return Err(CaptureError::NotMjpeg { path: NAME.into() });
            }
            self.more = false;
            match self.intake.fill(&mut self.file) {
                Ok(0) => return self.finish(),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => {
                    return Err(CaptureError::Unreadable { path: NAME.into(), why: error.to_string() });
                }
            }
        }
        // The last read may have brought a frame's end, and poll may have nothing more to say.
        self.more = true;
        Ok(None)
    }

    fn finish(&mut self) -> Result<Option<Found>, CaptureError> {
        let left = self.intake.left();
        let Some(half) = self.intake.finish() else { return Err(self.end(0)) };
        // there may be frames behind what it leaves
        if self.intake.waiting() {
            self.frames += 1;
        } else {
            self.ended = Some(left);
        }
        self.more = true;
        Ok(Some(half))
    }

    fn end(&self, half: usize) -> CaptureError {
        CaptureError::Ended { path: NAME.into(), frames: self.frames, half }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        if let Err(errno) = fcntl(&self.file, FcntlArg::F_SETFL(self.flags)) {
            log::debug!("the flags of {NAME} stay changed: {}", errno.desc());
        }
    }
}

/// Makes reads return at once, and returns the flags from before.
///
/// The flag belongs to the open file, not to our descriptor: whoever shares it gets it too. On a terminal that
/// would be the shell and our own log, whose writes would begin to fail with `EAGAIN`; hence terminals are
/// refused above, and the flags are put back on drop.
fn stop_blocking(fd: BorrowedFd<'_>) -> nix::Result<OFlag> {
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(flags)
}

fn unreadable(why: &str) -> OpenError {
    OpenError::Unreadable { path: NAME.into(), why: why.into() }
}

fn say(remark: Remark) {
    match remark {
        Remark::Hasty => log::warn!(
            "{NAME} gives more than 100 frames a second: a film plays at its own speed with -f, such as camcast - -f 25, or with \
             ffmpeg -re"
        ),
        Remark::HeldUp(rate) => log::info!(
            "{NAME} has more than {rate} frames a second: what writes into it is held up; if it is live, leave -f out"
        ),
    }
}

fn notes(size: Option<Size>) -> Vec<String> {
    let size = size.map(|size| format!("asked for {size}, but {NAME} has the size that is written into it"));
    size.into_iter().collect()
}

fn description(rate: Option<Rate>, notes: Vec<String>) -> Description {
    Description {
        name: NAME.into(),
        driver: "built in".into(),
        path: "-".into(),
        format: "MJPG".into(),
        size: None,
        rate,
        buffers: 0,
        notes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::{JpegError, check};
    use proptest::prelude::*;
    use std::io::Write;

    const NOW: Time = Time::from_millis(1000);

    fn jpeg(mark: &str) -> Vec<u8> {
        [&b"\xff\xd8\xff\xda\0\x02"[..], mark.as_bytes(), b"\xff\xd9"].concat()
    }

    fn pipe() -> (Pipe, File) {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        (Pipe::open(reader, None, Vec::new()).unwrap(), writer.into())
    }

    fn grab(pipe: &mut Pipe) -> Option<(u32, Vec<u8>)> {
        pipe.grab(NOW).unwrap().map(|lease| (lease.stamp.sequence, lease.to_vec()))
    }

    #[test]
    fn frames_come_as_they_arrive() {
        let (mut pipe, mut writer) = pipe();
        assert_eq!(grab(&mut pipe), None);
        let a = jpeg("a");
        writer.write_all(&a[..5]).unwrap();
        assert_eq!((grab(&mut pipe), pipe.due()), (None, None));
        writer.write_all(&a[5..]).unwrap();
        assert_eq!((grab(&mut pipe), pipe.due()), (Some((0, a)), None));
        drop(writer);
        assert_eq!(pipe.grab(NOW).err(), Some(ended(1, 0)));
    }

    fn ended(frames: u64, half: usize) -> CaptureError {
        CaptureError::Ended { path: NAME.into(), frames, half }
    }

    #[test]
    fn frames_read_together_need_no_second_wake() {
        let (mut pipe, mut writer) = pipe();
        writer.write_all(&[jpeg("a"), jpeg("b"), b"\xff\xd8".to_vec()].concat()).unwrap();
        assert_eq!((grab(&mut pipe), pipe.due()), (Some((0, jpeg("a"))), Some(Time::default())));
        assert_eq!((grab(&mut pipe), pipe.due()), (Some((1, jpeg("b"))), Some(Time::default())));
        assert_eq!((grab(&mut pipe), pipe.due()), (None, None));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// However the stream is cut off and in whatever pieces it comes, whole frames are whole, and the half is told.
        #[test]
        fn a_half_frame_at_the_end_is_told_with_its_bytes(
            marks in proptest::collection::vec("[a-z]{0,9}", 0..4),
            keep in 0_usize..11,
            pieces in proptest::collection::vec(1_usize..12, 1..9),
        ) {
            let (mut pipe, mut writer) = pipe();
            let half = &jpeg("last")[..keep.min(11)];
            let stream = [marks.iter().flat_map(|mark| jpeg(mark)).collect(), half.to_vec()].concat();
            let (mut rest, mut frames, mut at) = (&stream[..], Vec::new(), 0);
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(pieces[at % pieces.len()].min(rest.len()));
                writer.write_all(piece).unwrap();
                (rest, at) = (after, at + 1);
                while let Some((_, frame)) = grab(&mut pipe) {
                    frames.push(frame);
                }
            }
            drop(writer);
            // less than three bytes may be anything
            let has_begun = half.len() >= 3;
            if has_begun {
                let lease = pipe.grab(NOW).unwrap().unwrap();
                match half.len() {
                    8.. => prop_assert_eq!(&lease[..], half),
                    _ => prop_assert_eq!(lease.flaw().map(JpegError::index), Some(JpegError::Cut { at: 0 }.index())),
                }
                prop_assert!(lease.flaw().is_some() || check(&lease).is_err());
                drop(lease);
                prop_assert!(pipe.due().is_some(), "nobody else says that it is over");
            }
            let bytes = if has_begun { half.len() } else { 0 };
            prop_assert_eq!(pipe.grab(NOW).err(), Some(ended(marks.len() as u64, bytes)));
            prop_assert_eq!(frames, marks.iter().map(|mark| jpeg(mark)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_frame_that_another_cuts_off_is_given_to_be_counted() {
        let (mut pipe, mut writer) = pipe();
        let broken = b"\xff\xd8\xff\x02".to_vec();
        let cut = jpeg("cut")[..8].to_vec();
        writer.write_all(&[broken, cut.clone(), jpeg("a")].concat()).unwrap();
        assert_eq!(pipe.grab(NOW).unwrap().unwrap().flaw(), Some(JpegError::Marker { at: 2 }));
        assert_eq!(grab(&mut pipe), Some((1, cut)));
        assert_eq!(grab(&mut pipe), Some((2, jpeg("a"))));
        drop(writer);
        assert_eq!(pipe.grab(NOW).err(), Some(ended(3, 0)));
    }

    #[test]
    fn frames_that_a_broken_one_has_swallowed_at_the_end_are_given() {
        let (mut pipe, mut writer) = pipe();
        let broken = b"\xff\xd8\xff\xe5\x90\0noise".to_vec();
        writer.write_all(&[broken, jpeg("a"), jpeg("b"), jpeg("c")[..8].to_vec()].concat()).unwrap();
        assert_eq!(grab(&mut pipe), None);
        drop(writer);
        assert_eq!(pipe.grab(NOW).unwrap().unwrap().flaw(), Some(JpegError::Cut { at: 2 }));
        assert_eq!(grab(&mut pipe), Some((1, jpeg("a"))));
        assert_eq!(grab(&mut pipe), Some((2, jpeg("b"))));
        assert_eq!(grab(&mut pipe), Some((3, jpeg("c")[..8].to_vec())));
        assert_eq!(pipe.grab(NOW).err(), Some(ended(3, 8)));
    }

    #[test]
    fn what_is_no_mjpeg_is_refused_after_a_while() {
        let zeros = File::open("/dev/zero").unwrap();
        let mut pipe = Pipe::open(zeros.into(), None, Vec::new()).unwrap();
        let fault = (0..100).find_map(|_| pipe.grab(NOW).err());
        assert_eq!(fault, Some(CaptureError::NotMjpeg { path: NAME.into() }));
    }

    #[test]
    fn a_film_is_read_at_the_rate_asked_for() {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        let mut pipe = Pipe::open(reader, Some("25".parse().unwrap()), Vec::new()).unwrap();
        let frames: Vec<Vec<u8>> = (0..50).map(|n| jpeg(&n.to_string())).collect();
        File::from(writer).write_all(&[frames.concat(), jpeg("half")[..8].to_vec()].concat()).unwrap();
        let (mut now, mut times) = (NOW, Vec::new());
        let fault = loop {
            now = now.max(pipe.due().unwrap_or_default());
            match pipe.grab(now).map(|lease| lease.map(|lease| (lease.stamp, lease.to_vec()))) {
                Ok(Some((stamp, bytes))) => {
                    assert_eq!((stamp.captured, stamp.sequence as usize), (now, times.len()));
                    assert!(frames.get(times.len()).is_none_or(|frame| *frame == bytes));
                    times.push(now);
                }
                Ok(None) => assert!(pipe.fd().is_none(), "nothing is read while a frame waits"),
                Err(fault) => break fault,
            }
        };
        assert_eq!((fault, times.len()), (ended(50, 8), 51));
        assert!(times.windows(2).skip(9).all(|two| two[1].since(two[0]).as_millis() == 40), "{times:?}");
    }

    #[test]
    fn the_flags_are_put_back() {
        let (reader, _writer) = nix::unistd::pipe().unwrap();
        let shared = reader.try_clone().unwrap();
        let flags = || OFlag::from_bits_retain(fcntl(&shared, FcntlArg::F_GETFL).unwrap());
        let pipe = Pipe::open(reader, None, Vec::new()).unwrap();
        assert!(flags().contains(OFlag::O_NONBLOCK));
        drop(pipe);
        assert!(!flags().contains(OFlag::O_NONBLOCK));
    }

    #[test]
    fn wishes_in_vain_are_noted() {
        let notes = notes(Some(Size { width: 640, height: 480 }));
        assert_eq!(notes, ["asked for 640x480, but standard input has the size that is written into it"]);
    }
}
