//! A good frame on its way into the reel: its stamp is made sense of, then it is laid in.

use crate::app::cast::drops::DropReason;
use crate::app::cast::report::Report;
use crate::app::cast::stats::Stats;
use crate::clock::stamps::Stamps;
use crate::jpeg::Checked;
use crate::reel::{Reel, TooLargeError};
use crate::time::{Stamp, Time};
use crate::wire::data::DISCONTINUITY;

/// The frames of one source, whatever openings it takes.
pub struct Frames {
    stamps: Stamps,
    /// Where there is no driver, two frames may well be taken at once.
    is_camera: bool,
    /// How long frames usually take says nothing of when the next one comes.
    may_pause: bool,
}

impl Frames {
    /// None yet.
    pub fn new(is_camera: bool, may_pause: bool) -> Self {
        Frames { stamps: Stamps::default(), is_camera, may_pause }
    }

    /// The source has been opened again.
    pub fn restart(&mut self) {
        self.stamps.restart();
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
        &self,
        checked: Checked<'_>,
        stamp: Stamp,
        is_new: bool,
        reel: &mut Reel,
        (stats, report): (&mut Stats, &mut Report),
        now: Time,
    ) -> bool {
        let flags = if is_new { DISCONTINUITY } else { 0 };
        match reel.push(checked.bytes, checked.facts, stamp, flags) {
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

/// A frame that is larger than the reel takes.
pub fn too_large(error: TooLargeError, (stats, report): (&mut Stats, &mut Report), now: Time) {
    stats.dropped.add(DropReason::TooLarge);
    report.too_large(error, now);
}
