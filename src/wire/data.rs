//! DATA: one fragment of a frame. The 28 header bytes are the same for every client and for every repair.
//!
//! ```text
//!  0      1       2       4              8              12       14      16            24          28
//!  +------+-------+-------+--------------+--------------+--------+-------+-------------+-----------+---------
//!  | kind | flags | epoch | frame number | frame length | index  | size  | captured ns | sequence  | payload
//!  +------+-------+-------+--------------+--------------+--------+-------+-------------+-----------+---------
//! ```
//! Any one fragment tells the frame's fragment count, `ceil(length / size)`, and its own offset, `index * size`.

use super::field::{EPOCH, Field, KIND};
use super::{FrameNumber, Kind, MAX_FRAME, ParseError};
use crate::time::{Stamp, Time};

/// Bytes before a fragment's payload.
pub const HEADER_LEN: usize = 28;

const FLAGS: Field<1, 1> = Field;
const NUMBER: Field<4, 4> = Field;
const LENGTH: Field<8, 4> = Field;
const INDEX: Field<12, 2> = Field;
const SIZE: Field<14, 2> = Field;
const CAPTURED: Field<16, 8> = Field;
const SEQUENCE: Field<24, 4> = Field;

/// The smallest fragment size that is believed: what an IPv4 path must carry (576), less all headers, rounded down.
/// It bounds the fragments of a frame.
pub const MIN_FRAGMENT: u16 = 256;

/// The first frame after the camera came back: the frames around it are not neighbours in time.
pub const DISCONTINUITY: u8 = 0x01;

/// A slate: a picture that stands in for the stream while there is no signal. Its number counts slates, not frames.
pub const SLATE: u8 = 0x02;

/// What the header of a fragment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// [`DISCONTINUITY`] or [`SLATE`], other bits zero.
    pub flags: u8,
    /// The stream's [`epoch`](super::StreamId::epoch).
    pub epoch: u16,
    /// The frame's number.
    pub number: FrameNumber,
    /// The whole frame's length in bytes, 1 to [`MAX_FRAME`].
    pub length: u32,
    /// Which fragment this is, from 0.
    pub index: u16,
    /// Payload bytes of every fragment but the last, which has the rest.
    pub size: u16,
    /// Capture time and the driver's counter.
    pub stamp: Stamp,
}

impl Header {
    /// Writes the header's bytes.
    pub fn emit(&self, to: &mut [u8; HEADER_LEN]) {
        KIND.put(to, [Kind::Data.byte()]);
        FLAGS.put(to, [self.flags]);
        EPOCH.put(to, self.epoch.to_be_bytes());
        NUMBER.put(to, self.number.0.to_be_bytes());
        LENGTH.put(to, self.length.to_be_bytes());
        INDEX.put(to, self.index.to_be_bytes());
        SIZE.put(to, self.size.to_be_bytes());
        CAPTURED.put(to, self.stamp.captured.as_nanos().to_be_bytes());
        SEQUENCE.put(to, self.stamp.sequence.to_be_bytes());
    }

    fn parse(from: &[u8; HEADER_LEN]) -> Self {
        Header {
            flags: FLAGS.u8(from),
            epoch: EPOCH.u16(from),
            number: FrameNumber(NUMBER.u32(from)),
            length: LENGTH.u32(from),
            index: INDEX.u16(from),
            size: SIZE.u16(from),
            stamp: Stamp { captured: Time::from_nanos(CAPTURED.u64(from)), sequence: SEQUENCE.u32(from) },
        }
    }

    /// How many fragments the frame has.
    pub fn count(&self) -> u32 {
        fragment_count(self.length, self.size)
    }

    /// Where this fragment's payload lies in the frame.
    pub fn offset(&self) -> u32 {
        u32::from(self.index).saturating_mul(u32::from(self.size))
    }

    /// This fragment's payload bytes: the size, or for the last one the rest.
    pub fn payload_len(&self) -> u32 {
        self.length.saturating_sub(self.offset()).min(u32::from(self.size))
    }
}

/// Fragments of a frame of `length` bytes at `size` bytes each.
pub fn fragment_count(length: u32, size: u16) -> u32 {
    length.div_ceil(u32::from(size.max(1)))
}

/// A fragment whose header and length agree.
#[derive(Clone, Copy, Debug)]
pub struct Data<'a> {
    /// What the header says.
    pub header: Header,
    /// This fragment's part of the frame.
    pub payload: &'a [u8],
}

impl<'a> Data<'a> {
    /// Checks a datagram that begins with [`Kind::Data`].
    ///
    /// # Errors
    /// Any contradiction between the fields, or between them and the datagram's length.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, ParseError> {
        let Some((header, payload)) = datagram.split_first_chunk::<HEADER_LEN>() else {
            return Err(ParseError::Length);
        };
        if Kind::from_byte(KIND.u8(header))? != Kind::Data {
            return Err(ParseError::Kind);
        }
        let header = Header::parse(header);
        if header.length == 0 || header.length > MAX_FRAME {
            return Err(ParseError::Field("frame length"));
        }
        if header.size < MIN_FRAGMENT {
            return Err(ParseError::Field("fragment size"));
        }
        if u32::from(header.index) >= header.count() {
            return Err(ParseError::Field("fragment index"));
        }
        if payload.len() != header.payload_len() as usize {
            return Err(ParseError::Length);
        }
        Ok(Data { header, payload })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn datagram(header: &Header, payload: &[u8]) -> Vec<u8> {
        let mut bytes = [0; HEADER_LEN];
        header.emit(&mut bytes);
        [&bytes[..], payload].concat()
    }

    fn sample() -> Header {
        Header {
            flags: DISCONTINUITY,
            epoch: 0xbeef,
            number: FrameNumber(7),
            length: 3000,
            index: 2,
            size: 1424,
            stamp: Stamp { captured: Time::from_nanos(1_234_567_890_123), sequence: 9 },
        }
    }

    #[test]
    fn the_last_fragment_has_the_rest() {
        let header = sample();
        assert_eq!((header.count(), header.offset(), header.payload_len()), (3, 2848, 152));
        assert!(Data::parse(&datagram(&header, &[0; 152])).is_ok());
        assert_eq!(Data::parse(&datagram(&header, &[0; 153])).unwrap_err(), ParseError::Length);
        assert_eq!(Data::parse(&datagram(&header, &[0; 151])).unwrap_err(), ParseError::Length);
    }

    #[test]
    fn contradictions_are_refused() {
        let refuse = |change: fn(&mut Header)| {
            let mut header = sample();
            change(&mut header);
            Data::parse(&datagram(&header, &[0; 152])).unwrap_err()
        };
        assert_eq!(refuse(|h| h.index = 3), ParseError::Field("fragment index"));
        assert_eq!(refuse(|h| h.length = 0), ParseError::Field("frame length"));
        assert_eq!(refuse(|h| h.length = MAX_FRAME + 1), ParseError::Field("frame length"));
        assert_eq!(refuse(|h| h.size = 0), ParseError::Field("fragment size"));
    }

    proptest! {
        #[test]
        fn every_fragment_round_trips(
            length in 1..=MAX_FRAME, size in MIN_FRAGMENT..9000u16, pick: prop::sample::Index,
            number: u32, epoch: u16, nanos: u64, sequence: u32,
        ) {
            let count = fragment_count(length, size);
            let header = Header {
                flags: 0, epoch, number: FrameNumber(number), length, size,
                index: u16::try_from(pick.index(count as usize)).unwrap(),
                stamp: Stamp { captured: Time::from_nanos(nanos), sequence },
            };
            let bytes = datagram(&header, &vec![1; header.payload_len() as usize]);
            let parsed = Data::parse(&bytes).unwrap();
            prop_assert_eq!(parsed.header, header);
        }

        #[test]
        fn fragments_tile_the_frame(length in 1..200_000u32, size in MIN_FRAGMENT..9000u16) {
            let mut end = 0;
            for index in 0..fragment_count(length, size) {
                let header = Header { length, size, index: index as u16, ..sample() };
                prop_assert_eq!(header.offset(), end);
                end += header.payload_len();
            }
            prop_assert_eq!(end, length);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = Data::parse(&bytes);
        }

        #[test]
        fn a_damaged_header_is_consistent_or_refused(at in 0..HEADER_LEN, to: u8) {
            let mut bytes = datagram(&sample(), &[0; 152]);
            bytes[at] = to;
            if let Ok(data) = Data::parse(&bytes) {
                prop_assert!(data.header.offset() + data.header.payload_len() <= data.header.length);
            }
        }
    }
}
