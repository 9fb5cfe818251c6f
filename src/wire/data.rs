//! DATA: one fragment of a frame. But for the tag the 36 header bytes are the same for every client and for every repair.
//!
//! ```text
//!  0      1       2       4              8              12      14     16            24         28      32    36
//!  +------+-------+-------+--------------+--------------+-------+------+-------------+----------+-------+-----+---------
//!  | kind | flags | epoch | frame number | frame length | index | size | captured ns | sequence | check | tag | payload
//!  +------+-------+-------+--------------+--------------+-------+------+-------------+----------+-------+-----+---------
//! ```
//! The tag is the session's, in the first of the datagrams that are sent at once, and 0 in the others: it proves their common header,
//! and the check proves the frame. Any one fragment tells the frame's fragment count, `ceil(length / size)`, and its own offset, `index * size`.

use super::field::{EPOCH, Field, KIND};
use super::{FrameNumber, Kind, MAX_FRAME, ParseError, Tag};
use crate::time::{Stamp, Time};
use std::ops::Range;

/// Bytes before a fragment's payload.
pub const HEADER_LEN: usize = 36;

const FLAGS: Field<1, 1> = Field;
const NUMBER: Field<4, 4> = Field;
const LENGTH: Field<8, 4> = Field;
const INDEX: Field<12, 2> = Field;
const SIZE: Field<14, 2> = Field;
const CAPTURED: Field<16, 8> = Field;
const SEQUENCE: Field<24, 4> = Field;
const CHECK: Field<28, 4> = Field;
const TAG: Field<TAG_AT, 4> = Field;
const TAG_AT: usize = 32;

/// The smallest fragment size that is believed: what an IPv4 path must carry (576), less all headers, rounded down.
/// It bounds the fragments of a frame.
pub const MIN_FRAGMENT: u16 = 256;

/// The first frame after the camera came back: the frames around it are not neighbours in time.
pub const DISCONTINUITY: u8 = 0x01;

/// A slate: a picture that stands in for the stream while there is no signal. Its number counts slates, not frames.
pub const SLATE: u8 = 0x02;

/// A row of parity: not a fragment of the frame, but as good as any one of them. Its index is the frame's fragment count plus
/// the row's number, and its payload is as long as a full fragment.
pub const PARITY: u8 = 0x04;

/// Rows of parity that a frame of few fragments has.
const FEW_ROWS: u32 = 16;

/// A frame of more fragments has none: 1.4 MB in datagrams of 1452 bytes.
const MOST_CODED: u32 = 1024;

/// What the header of a fragment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// [`DISCONTINUITY`], [`SLATE`] or [`PARITY`], other bits zero.
    pub flags: u8,
    /// The stream's [`epoch`](super::StreamId::epoch).
    pub epoch: u16,
    /// The frame's number.
    pub number: FrameNumber,
    /// The whole frame's length in bytes, 1 to [`MAX_FRAME`].
    pub length: u32,
    /// Which fragment this is, from 0; a row of parity has one behind the last fragment's.
    pub index: u16,
    /// Payload bytes of every fragment but the last, which has the rest.
    pub size: u16,
    /// Capture time and the driver's counter.
    pub stamp: Stamp,
    /// The whole frame's [`check`].
    pub check: u32,
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
        CHECK.put(to, self.check.to_be_bytes());
        TAG.put(to, Tag::NONE.to_bytes());
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
            check: CHECK.u32(from),
        }
    }

    /// Both are of one frame, as far as headers can say.
    pub fn is_of(&self, other: &Header) -> bool {
        let of = |it: &Header| (it.flags & !PARITY, it.number, it.length, it.size, it.stamp, it.check);
        of(self) == of(other)
    }

    /// How many fragments the frame has.
    pub fn count(&self) -> u32 {
        fragment_count(self.length, self.size)
    }

    /// It is a row of parity.
    pub fn is_parity(&self) -> bool {
        self.flags & PARITY != 0
    }

    /// The indices that this datagram may have.
    fn indices(&self) -> Range<u32> {
        let count = self.count();
        match self.flags & (PARITY | SLATE) {
            PARITY => count..count.saturating_add(parity_rows(count, self.size).into()),
            0 | SLATE => 0..count,
            // slates are never asked for again
            _ => 0..0,
        }
    }

    /// Where this fragment's payload lies in the frame.
    pub fn offset(&self) -> u32 {
        u32::from(self.index).saturating_mul(u32::from(self.size))
    }

    /// This fragment's payload bytes: the size, or for the last one the rest.
    pub fn payload_len(&self) -> u32 {
        if self.is_parity() {
            return self.size.into();
        }
        self.length.saturating_sub(self.offset()).min(u32::from(self.size))
    }
}

/// What proves that a frame is as it was sent: the CRC-32 of its bytes, as in gzip and PNG.
pub fn check(frame: &[u8]) -> u32 {
    check_of_parts(&[frame])
}

/// The same of a frame that comes in parts.
pub fn check_of_parts(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

/// Datagrams that lie one after the other, as pieces: with this tag, the four bytes of a [`Tag`], in the first one.
pub fn with_tag<'a>(datagrams: &'a [u8], tag: &'a [u8; 4]) -> [&'a [u8]; 3] {
    let (before, rest) = datagrams.split_at_checked(TAG_AT).unwrap_or((datagrams, &[]));
    [before, tag, rest.get(tag.len()..).unwrap_or(&[])]
}

/// Puts a tag into a datagram that was proved in another way.
pub fn put_tag(datagram: &mut [u8], tag: Tag) {
    if let Some(header) = datagram.first_chunk_mut::<HEADER_LEN>() {
        TAG.put(header, tag.to_bytes());
    }
}

/// Fragments of a frame of `length` bytes at `size` bytes each.
pub fn fragment_count(length: u32, size: u16) -> u32 {
    length.div_ceil(u32::from(size.max(1)))
}

/// Rows of parity that there are for a frame of `count` fragments of `size` bytes: the next power of two from half of them on,
/// and 16 at the least. None for a frame of one fragment, which is its own parity, of more than 1024, or of an odd size.
pub fn parity_rows(count: u32, size: u16) -> u16 {
    if !(2..=MOST_CODED).contains(&count) || size % 2 != 0 {
        return 0;
    }
    // fits: 512 at the most
    count.div_ceil(2).next_power_of_two().max(FEW_ROWS) as u16
}

/// Makes a fragment's header that of the parity row with this index.
pub fn make_parity(header: &mut [u8; HEADER_LEN], index: u16) {
    let flags = FLAGS.u8(header);
    FLAGS.put(header, [flags | PARITY]);
    INDEX.put(header, index.to_be_bytes());
}

/// A number that no other datagram of the stream has: the frame's number, the index, slate or parity row or neither, and, because
/// numbers come round, the capture time to 13 days.
pub fn identity(header: &[u8; HEADER_LEN]) -> u64 {
    let kind = u64::from(FLAGS.u8(header) & (SLATE | PARITY)) >> 1;
    let index = u64::from(INDEX.u16(header));
    u64::from(NUMBER.u32(header)) | index << 32 | kind << 48 | CAPTURED.u64(header) >> 50 << 50
}

/// A fragment, or a row of parity, whose header and length agree.
#[derive(Clone, Copy, Debug)]
pub struct Data<'a> {
    /// What the header says.
    pub header: Header,
    /// Whose session it is of, if it says so.
    pub tag: Tag,
    /// This fragment's part of the frame, or the row.
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
        let (header, tag) = (Header::parse(header), Tag::from_bytes(TAG.of(header)));
        if header.length == 0 || header.length > MAX_FRAME {
            return Err(ParseError::Field("frame length"));
        }
        if header.size < MIN_FRAGMENT {
            return Err(ParseError::Field("fragment size"));
        }
        if !header.indices().contains(&header.index.into()) {
            return Err(ParseError::Field("fragment index"));
        }
        if payload.len() != header.payload_len() as usize {
            return Err(ParseError::Length);
        }
        Ok(Data { header, tag, payload })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Token;
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
            check: 0x0bad_cafe,
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

    #[test]
    fn rows_are_few_enough_for_their_index() {
        for (count, size, rows) in [
            (0, 1424, 0),
            (1, 1424, 0),
            (2, 1424, 16),
            (32, 1424, 16),
            (33, 1424, 32),
            (70, 1424, 64),
            (71, 1423, 0),
            (128, 1424, 64),
            (129, 1424, 128),
            (1024, 256, 512),
            (1025, 256, 0),
            (32_768, 256, 0),
        ] {
            assert_eq!(parity_rows(count, size), rows, "{count} of {size}");
        }
    }

    #[test]
    fn a_row_of_parity_is_a_full_fragment_behind_the_last() {
        let row = |index| Header { flags: PARITY | DISCONTINUITY, index, ..sample() };
        for (header, len, refused) in [
            (row(3), 1424, None),
            (row(18), 1424, None),
            (row(19), 1424, Some(ParseError::Field("fragment index"))),
            (row(2), 1424, Some(ParseError::Field("fragment index"))),
            (row(3), 152, Some(ParseError::Length)),
            (Header { flags: PARITY | SLATE, ..row(3) }, 1424, Some(ParseError::Field("fragment index"))),
            (Header { size: 1423, ..row(3) }, 1423, Some(ParseError::Field("fragment index"))),
            (Header { length: 9, ..row(1) }, 1424, Some(ParseError::Field("fragment index"))),
        ] {
            let datagram = datagram(&header, &vec![0; len]);
            assert_eq!(Data::parse(&datagram).err(), refused, "{header:?}");
        }
        let mut made = [0; HEADER_LEN];
        sample().emit(&mut made);
        make_parity(&mut made, 3);
        assert_eq!(Header::parse(&made), row(3));
    }

    proptest! {
        #[test]
        fn every_fragment_round_trips(
            length in 1..=MAX_FRAME, size in MIN_FRAGMENT..9000u16, pick: prop::sample::Index,
            number: u32, epoch: u16, nanos: u64, sequence: u32, check: u32,
        ) {
            let count = fragment_count(length, size);
            let header = Header {
                flags: 0, epoch, number: FrameNumber(number), length, size,
                index: u16::try_from(pick.index(count as usize)).unwrap(),
                stamp: Stamp { captured: Time::from_nanos(nanos), sequence },
                check,
            };
            let bytes = datagram(&header, &vec![1; header.payload_len() as usize]);
            let parsed = Data::parse(&bytes).unwrap();
            prop_assert_eq!((parsed.header, parsed.tag), (header, Tag::NONE));
            let tag = Token(nanos).tag();
            let tagged = with_tag(&bytes, &tag.to_bytes()).concat();
            let parsed = Data::parse(&tagged).unwrap();
            prop_assert_eq!((parsed.header, parsed.tag, tagged.len()), (header, tag, bytes.len()));
            prop_assert_ne!(tag, Tag::NONE);
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
            if let Some(data) = Data::parse(&bytes).ok().filter(|data| !data.header.is_parity()) {
                prop_assert!(data.header.offset() + data.header.payload_len() <= data.header.length);
            }
        }
    }
}
