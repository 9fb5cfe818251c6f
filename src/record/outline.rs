//! What a finished file is around its frames: all of it follows from them, but for what the clocks said. So it can be told whether
//! somebody has put in, taken out or turned anything there, as in an index, which players follow.

use super::avi;
use super::container::Muxer;
use super::matroska::read::Outline as MatroskaOutline;
use super::reader::Head;

/// Bytes of a further part's head: they are known once the part is complete.
pub const PART_HEAD: usize = avi::RIFF_HEAD;

/// A file as its frames would have it, when it had its head only.
pub struct Outline {
    /// Counts the frames, as if they were written.
    pub muxer: Muxer,
    matroska: Option<MatroskaOutline>,
}

impl Outline {
    /// That of a file of this head, which is in these bytes, up to the first frame. `None`: camrec does not write such a head.
    pub fn new(head: &Head, start: &[u8]) -> Option<Self> {
        let matroska = match head {
            Head::Matroska(head) => Some(MatroskaOutline::new(head, start)?),
            Head::Avi(..) => None,
        };
        Some(Outline { muxer: Muxer::resume(head), matroska })
    }

    /// All frames have been counted: whether the head is as they would have it.
    pub fn has_head(&mut self, start: &[u8]) -> bool {
        let mut made =
            self.matroska.as_ref().map_or(vec![0; start.len()], |outline| outline.start().to_vec());
        if made.len() != start.len() {
            return false;
        }
        for patch in self.muxer.finish() {
            let at = usize::try_from(patch.offset).unwrap_or(usize::MAX);
            let to = made.get_mut(at..).and_then(|rest| rest.get_mut(..patch.bytes.len()));
            to.into_iter().for_each(|to| to.copy_from_slice(patch.bytes));
        }
        match &self.muxer {
            Muxer::Matroska(muxer) => {
                // nobody reads what a Void has in it: cues that were dropped
                let [from, to] = muxer.void().map(|at| usize::try_from(at).unwrap_or(usize::MAX));
                if let (Some(made), Some(there)) = (made.get_mut(from..to), start.get(from..to)) {
                    made.copy_from_slice(there);
                }
            }
            Muxer::Avi(_) => avi::take_words(&mut made, start),
        }
        made == start
    }
}
