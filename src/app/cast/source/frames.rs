//! A good frame on its way into the reel: its stamp is made sense of, it is signed if frames are, then it is laid in.

use crate::app::cast::drops::DropReason;
use crate::app::cast::report::Report;
use crate::app::cast::stats::Stats;
use crate::app::local_time::KeptZero;
use crate::clock::stamps::Stamps;
use crate::jpeg::Checked;
use crate::reel::{Reel, TooLargeError};
use crate::sign::{Mark, SEGMENT_LEN, Signer, SigningKey};
use crate::sys::clock;
use crate::time::{Stamp, Time};
use crate::wire::FrameNumber;
use crate::wire::data::DISCONTINUITY;

/// The frames of one source, whatever openings it takes.
pub struct Frames {
    stamps: Stamps,
    /// Where there is no driver, two frames may well be taken at once.
    is_camera: bool,
    /// How long frames usually take says nothing of when the next one comes.
    may_pause: bool,
    /// Signs each of them.
    signer: Option<Signer>,
    /// And says the wall clock's time in it.
    zero: KeptZero,
}

impl Frames {
    /// None yet.
    pub fn new(is_camera: bool, may_pause: bool, key: Option<SigningKey>) -> Self {
        let signer = key.map(Signer::new);
        if let Some(signer) = &signer {
            log::info!("frames are signed, for camrec check --signed-by {}", signer.public());
        }
        Frames { stamps: Stamps::default(), is_camera, may_pause, signer, zero: KeptZero::default() }
    }

    /// Bytes by which each becomes longer.
    pub fn adds(&self) -> usize {
        self.signer.as_ref().map_or(0, |_| SEGMENT_LEN)
    }

    /// The source has been opened again.
    pub fn restart(&mut self) {
        self.stamps.restart();
        self.zero.forget(); // the machine may have slept
    }

    /// What the driver says of a frame's time and number, made sense of.
    pub fn stamp(&mut self, stamp: Stamp, report: &mut Report, now: Time) -> Stamp {
        let (stamp, oddity) = self.stamps.tidy(stamp, now);
        if self.is_camera {
            report.odd_stamp(oddity, now);
        }
        stamp
    }

    /// Lays a frame into the reel. True: when the next one is due can be told from the reel.
    pub fn store(
        &mut self,
        checked: Checked<'_>,
        stamp: Stamp,
        is_new: bool,
        reel: &mut Reel,
        (stats, report): (&mut Stats, &mut Report),
        now: Time,
    ) -> bool {
        let flags = if is_new { DISCONTINUITY } else { 0 };
        match self.lay(&checked, stamp, flags, reel, now) {
            Ok(number) => {
                stats.frames += 1;
                report.good();
                log::trace!("frame {number}: {} bytes, captured at {}", checked.bytes.len(), stamp.captured);
                !self.may_pause
            }
            Err(error) => {
                too_large(error, (stats, report), now);
                false
            }
        }
    }
}

impl Frames {
    /// Into the reel, with a statement of its own if frames are signed.
    fn lay(
        &mut self,
        Checked { bytes, facts }: &Checked<'_>,
        stamp: Stamp,
        flags: u8,
        reel: &mut Reel,
        now: Time,
    ) -> Result<FrameNumber, TooLargeError> {
        let Some(signer) = &mut self.signer else { return reel.push(bytes, *facts, stamp, flags) };
        let wall = u64::try_from(self.zero.at(stamp.captured, now).as_microsecond()).unwrap_or(0);
        let wall = if u128::from(wall) < clock::SET.as_micros() { 0 } else { wall };
        let mark = Mark { stream: reel.stream(), number: reel.next_number(), stamp, wall };
        let [before, behind] = Signer::part(bytes);
        let signed = signer.sign(&mark, [before, behind]);
        let facts = facts.moved(before.len(), SEGMENT_LEN);
        let number = reel.push_parts([before, signed.segment(), behind], facts, stamp, flags)?;
        signer.laid(&signed);
        Ok(number)
    }
}

/// A frame that is larger than the reel takes.
pub fn too_large(error: TooLargeError, (stats, report): (&mut Stats, &mut Report), now: Time) {
    stats.dropped.add(DropReason::TooLarge);
    report.too_large(error, now);
}
