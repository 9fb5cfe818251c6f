//! MJPEG on standard input: how a Raspberry Pi's ribbon-cable camera comes in, by way of `rpicam-vid`.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::intake::Intake;
use super::{Description, Fault, Lease, OpenError, Rate};
use crate::jpeg::Size;
use crate::time::Time;

/// The name in messages.
const NAME: &str = "standard input";

/// The most reads in one grab, each of 64 KiB or more: the loop has other work too.
const READS: usize = 16;

/// A byte stream of JPEGs that sets its own pace.
pub struct Pipe {
    file: File,
    /// The flags to leave behind.
    flags: OFlag,
    intake: Intake,
    sequence: u32,
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
        Pipe::open(fd, notes(size, rate))
    }

    fn open(fd: OwnedFd, notes: Vec<String>) -> Result<Self, OpenError> {
        let flags = stop_blocking(fd.as_fd()).map_err(|errno| unreadable(errno.desc()))?;
        let (file, intake) = (File::from(fd), Intake::new());
        Ok(Pipe { file, flags, intake, sequence: 0, more: false, description: description(notes) })
    }

    /// The descriptor to poll for `POLLIN`.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// At once if a frame may wait that has been read already, else when poll says.
    pub fn due(&self) -> Option<Time> {
        self.more.then(Time::default)
    }

    /// The next frame, stamped with `now`: a stream of JPEGs says nothing of when they were captured.
    ///
    /// # Errors
    /// [`Fault::Ended`] at the end, [`Fault::NotMjpeg`] after 16 MiB without a frame, [`Fault::Unreadable`].
    pub fn grab(&mut self, now: Time) -> Result<Option<Lease<'_>>, Fault> {
        let Some(place) = self.next_frame()? else { return Ok(None) };
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        Ok(Some(Lease::of_bytes(self.intake.frame(place), now, sequence)))
    }

    /// Little: the frames themselves tell the size.
    pub fn describe(&self) -> &Description {
        &self.description
    }

    fn next_frame(&mut self) -> Result<Option<Range<usize>>, Fault> {
        for _ in 0..READS {
            let place = self.intake.next_frame();
            self.more = place.is_some() && self.intake.waiting();
            if place.is_some() {
                return Ok(place);
            }
            match self.intake.fill(&mut self.file) {
                Ok(0) => return Err(Fault::Ended),
                Ok(_) if self.intake.hopeless() => return Err(Fault::NotMjpeg { path: NAME.into() }),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(Fault::Unreadable { path: NAME.into(), why: error.to_string() }),
            }
        }
        // The last read may have brought a frame's end, and poll may have nothing more to say.
        self.more = true;
        Ok(None)
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

fn notes(size: Option<Size>, rate: Option<Rate>) -> Vec<String> {
    let size = size.map(|size| format!("asked for {size}, but {NAME} has the size that is written into it"));
    let rate = rate.map(|rate| format!("asked for {rate} fps, but {NAME} sets its own pace"));
    size.into_iter().chain(rate).collect()
}

fn description(notes: Vec<String>) -> Description {
    Description {
        name: NAME.into(),
        driver: "built in".into(),
        path: "-".into(),
        format: "MJPG".into(),
        size: None,
        rate: None,
        buffers: 0,
        notes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const NOW: Time = Time::from_millis(1000);

    fn jpeg(mark: &str) -> Vec<u8> {
        [&b"\xff\xd8\xff\xda\0\x02"[..], mark.as_bytes(), b"\xff\xd9"].concat()
    }

    fn pipe() -> (Pipe, File) {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        (Pipe::open(reader, Vec::new()).unwrap(), writer.into())
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
        assert_eq!(pipe.grab(NOW).err(), Some(Fault::Ended));
    }

    #[test]
    fn frames_read_together_need_no_second_wake() {
        let (mut pipe, mut writer) = pipe();
        writer.write_all(&[jpeg("a"), jpeg("b"), b"\xff\xd8".to_vec()].concat()).unwrap();
        assert_eq!((grab(&mut pipe), pipe.due()), (Some((0, jpeg("a"))), Some(Time::default())));
        assert_eq!((grab(&mut pipe), pipe.due()), (Some((1, jpeg("b"))), Some(Time::default())));
        assert_eq!((grab(&mut pipe), pipe.due()), (None, None));
    }

    #[test]
    fn what_is_no_mjpeg_is_refused_after_a_while() {
        let zeros = File::open("/dev/zero").unwrap();
        let mut pipe = Pipe::open(zeros.into(), Vec::new()).unwrap();
        let fault = (0..100).find_map(|_| pipe.grab(NOW).err());
        assert_eq!(fault, Some(Fault::NotMjpeg { path: NAME.into() }));
    }

    #[test]
    fn the_flags_are_put_back() {
        let (reader, _writer) = nix::unistd::pipe().unwrap();
        let shared = reader.try_clone().unwrap();
        let flags = || OFlag::from_bits_retain(fcntl(&shared, FcntlArg::F_GETFL).unwrap());
        let pipe = Pipe::open(reader, Vec::new()).unwrap();
        assert!(flags().contains(OFlag::O_NONBLOCK));
        drop(pipe);
        assert!(!flags().contains(OFlag::O_NONBLOCK));
    }

    #[test]
    fn wishes_in_vain_are_noted() {
        let notes = notes(Some(Size { width: 640, height: 480 }), Some(Rate::DEFAULT));
        assert_eq!(notes.len(), 2);
        assert_eq!(notes[1], "asked for 30 fps, but standard input sets its own pace");
    }
}
