//! The picture that stands in for the stream while there is no signal: put together apart from the stream's frames,
//! never asked for again, since the sender shows it each second.

use crate::time::Time;
use crate::wire::ParseError;
use crate::wire::data::{Data, Header};

/// The longest slate that is believed, in bytes: it has to fit one datagram of the original protocol.
const MOST: u32 = 65_507;

/// The slate under way, or the one that was whole last.
#[derive(Debug, Default)]
pub(super) struct Slate {
    latest: Option<Under>,
}

#[derive(Debug)]
struct Under {
    header: Header,
    bytes: Vec<u8>,
    has: Vec<bool>,
    missing: u32,
}

/// A whole slate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The JPEG.
    pub bytes: Vec<u8>,
    /// When it was made, on the camera's clock.
    pub made: Time,
}

impl Slate {
    /// Takes a fragment. Returns the slate when it has become whole: once.
    ///
    /// # Errors
    /// [`ParseError`] if it is longer than a slate may be, or contradicts another fragment of the same.
    pub(super) fn insert(&mut self, data: &Data<'_>) -> Result<Option<Picture>, ParseError> {
        let header = data.header;
        if header.length > MOST {
            return Err(ParseError::Field("slate length"));
        }
        let under = match &mut self.latest {
            Some(under) if under.header.number == header.number => under,
            Some(under) if under.header.number.is_after(header.number) => return Ok(None),
            _ => self.latest.insert(Under::new(header)),
        };
        if (under.header.length, under.header.size) != (header.length, header.size) {
            return Err(ParseError::Field("slate length"));
        }
        under.insert(data);
        Ok(under.take_if_whole())
    }
}

impl Under {
    fn new(header: Header) -> Self {
        let count = header.count() as usize;
        Under {
            header,
            bytes: vec![0; header.length as usize],
            has: vec![false; count],
            missing: header.count(),
        }
    }

    fn insert(&mut self, data: &Data<'_>) {
        let start = data.header.offset() as usize;
        let place = self.bytes.get_mut(start..start.saturating_add(data.payload.len()));
        if let (Some(place), Some(has @ false)) = (place, self.has.get_mut(usize::from(data.header.index))) {
            place.copy_from_slice(data.payload);
            *has = true;
            self.missing = self.missing.saturating_sub(1);
        }
    }

    fn take_if_whole(&mut self) -> Option<Picture> {
        let is_whole = self.missing == 0 && !self.bytes.is_empty();
        is_whole.then(|| Picture { bytes: std::mem::take(&mut self.bytes), made: self.header.stamp.captured })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Stamp;
    use crate::wire::data::SLATE;
    use crate::wire::{FrameNumber, Tag};

    const SIZE: u16 = 300;

    fn header(number: u32, length: u32, index: u16) -> Header {
        let stamp = Stamp { captured: Time::from_millis(7), sequence: 0 };
        Header {
            flags: SLATE,
            epoch: 1,
            number: FrameNumber(number),
            length,
            index,
            size: SIZE,
            stamp,
            check: 0,
        }
    }

    fn insert(
        slate: &mut Slate,
        number: u32,
        bytes: &[u8],
        index: u16,
    ) -> Result<Option<Picture>, ParseError> {
        let header = header(number, bytes.len() as u32, index);
        let payload = bytes.chunks(SIZE.into()).nth(index.into()).unwrap();
        slate.insert(&Data { header, tag: Tag::NONE, payload })
    }

    #[test]
    fn it_is_whole_once_in_any_order() {
        let (mut slate, bytes) = (Slate::default(), (0..700_u16).map(|n| n as u8).collect::<Vec<_>>());
        assert_eq!(insert(&mut slate, 1, &bytes, 2), Ok(None));
        assert_eq!(insert(&mut slate, 1, &bytes, 0), Ok(None));
        assert_eq!(insert(&mut slate, 1, &bytes, 0), Ok(None));
        let whole = Picture { bytes: bytes.clone(), made: Time::from_millis(7) };
        assert_eq!(insert(&mut slate, 1, &bytes, 1), Ok(Some(whole)));
        for index in 0..3 {
            assert_eq!(insert(&mut slate, 1, &bytes, index), Ok(None), "shown again");
        }
    }

    #[test]
    fn the_newest_wins() {
        let mut slate = Slate::default();
        insert(&mut slate, 1, &[1; 400], 0).unwrap();
        let whole = insert(&mut slate, 2, &[2; 100], 0).unwrap().unwrap();
        assert_eq!(whole.bytes, [2; 100]);
        assert_eq!(insert(&mut slate, 1, &[1; 400], 1), Ok(None));
    }

    #[test]
    fn what_is_too_long_or_contradicts_is_refused() {
        let mut slate = Slate::default();
        assert!(insert(&mut slate, 1, &vec![0; 65_508], 0).is_err());
        insert(&mut slate, 1, &[1; 400], 0).unwrap();
        assert!(insert(&mut slate, 1, &[1; 500], 1).is_err());
    }
}
