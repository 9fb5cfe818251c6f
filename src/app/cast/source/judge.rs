//! Whether what a source gave is a frame to send, and if not, why not. Nothing is counted here, and nothing is said.

use super::raw::Raw;
use crate::capture::{Content, Lease};
use crate::jpeg::{Checked, JpegError};
use crate::reel::{Reel, TooLargeError};

/// What of a frame's bytes is sent, or why none is.
pub type Check = fn(&[u8]) -> Result<Checked<'_>, JpegError>;

/// What is to become of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement<'a> {
    /// It is laid into the reel.
    Good {
        /// What of it.
        checked: Checked<'a>,
        /// Pictures before it were left out, because nobody watched.
        is_new: bool,
    },
    /// Nobody watches a camera whose pictures would have to be compressed.
    Unwatched,
    /// It is not a whole JPEG, or, without a reason, the driver says so itself.
    Damaged(Option<JpegError>),
    /// It is larger than the reel takes.
    TooLarge(TooLargeError),
    /// It is raw, and cannot be compressed, for this reason.
    Uncompressed(String),
}

/// Judges a frame that is to be laid into this reel, with so many bytes `beside` it.
pub fn judge<'a>(
    lease: &'a Lease<'_>,
    raw: &'a mut Raw,
    check: Check,
    reel: &Reel,
    beside: usize,
) -> Judgement<'a> {
    let weigh = |bytes, is_new| weigh(bytes, is_new, check, reel, beside);
    match lease.content {
        Content::TooLong(length) => {
            Judgement::TooLarge(TooLargeError { length, limit: reel.frame_limit(), is_longer: true })
        }
        Content::Damaged(flaw) => Judgement::Damaged(flaw),
        Content::Jpeg => weigh(lease, false),
        Content::Raw(format) => {
            let is_new = raw.take_unwatched();
            if !raw.is_wanted() {
                return Judgement::Unwatched;
            }
            match raw.compress(format, lease) {
                Ok(jpeg) => weigh(jpeg, is_new),
                Err(error) => Judgement::Uncompressed(error.to_string()),
            }
        }
    }
}

fn weigh<'a>(bytes: &'a [u8], is_new: bool, check: Check, reel: &Reel, beside: usize) -> Judgement<'a> {
    match check(bytes) {
        Err(flaw) => Judgement::Damaged(Some(flaw)),
        Ok(checked) => match reel.fits(checked.bytes.len().saturating_add(beside)) {
            Err(error) => Judgement::TooLarge(error),
            Ok(()) => Judgement::Good { checked, is_new },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::{self, Size, sample};
    use crate::picture::{Layout, RawFormat};
    use crate::time::Stamp;
    use crate::wire::StreamId;

    const SIZE: Size = Size { width: 64, height: 48 };
    const ROOM: usize = 20_000;

    fn reel() -> Reel {
        Reel::new(ROOM, 1452, StreamId(1))
    }

    fn of(content: Content, bytes: &[u8], raw: &mut Raw, see: impl FnOnce(Judgement<'_>)) {
        see(judge(&Lease::made_up(bytes, content, Stamp::default()), raw, jpeg::check, &reel(), 0));
    }

    #[test]
    fn each_content_has_its_judgement() {
        let raw = &mut Raw::new(80);
        let jpeg = sample::jpeg(SIZE, b"entropy");
        let padded = [&jpeg[..], &[0; 100]].concat();
        of(Content::Jpeg, &padded, raw, |judgement| {
            let Judgement::Good { checked, is_new: false } = judgement else { panic!("{judgement:?}") };
            assert_eq!((checked.bytes, checked.size()), (&jpeg[..], SIZE));
        });
        let cut = &jpeg[..jpeg.len() - 1];
        of(Content::Jpeg, cut, raw, |it| assert_eq!(it, Judgement::Damaged(Some(JpegError::NoEnd))));
        of(Content::Damaged(None), &jpeg, raw, |it| assert_eq!(it, Judgement::Damaged(None)));
        let flaw = Some(JpegError::Cut { at: 9 });
        of(Content::Damaged(flaw), b"", raw, |it| assert_eq!(it, Judgement::Damaged(flaw)));
        let large = sample::jpeg(SIZE, &[1; ROOM]);
        for (content, bytes, length, is_longer) in
            [(Content::Jpeg, &large[..], large.len(), false), (Content::TooLong(99_999), b"", 99_999, true)]
        {
            let error = TooLargeError { length, limit: reel().frame_limit(), is_longer };
            of(content, bytes, raw, |it| assert_eq!(it, Judgement::TooLarge(error)));
        }
    }

    #[test]
    fn raw_pictures_are_compressed_while_somebody_watches() {
        let raw = &mut Raw::new(80);
        let format = RawFormat::new(Layout::Yuyv, SIZE, 128, false).unwrap();
        let content = Content::Raw(format);
        let bytes = vec![128; format.bytes()];
        of(content, &bytes, raw, |it| assert_eq!(it, Judgement::Unwatched));
        raw.set_wanted(true);
        // a damaged one in between does not use the mark up
        of(Content::Damaged(None), b"", raw, |it| assert_eq!(it, Judgement::Damaged(None)));
        for is_first in [true, false] {
            of(content, &bytes, raw, |judgement| {
                let Judgement::Good { checked, is_new } = judgement else { panic!("{judgement:?}") };
                assert_eq!((checked.size(), is_new), (SIZE, is_first));
            });
        }
    }
}
