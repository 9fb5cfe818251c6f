//! The parts of a stream (`multipart/x-mixed-replace`, from Netscape's of 1995; RFC 2046 for its syntax).
//!
//! ```text
//!  --boundarydonotcross CRLF | Content-Type: image/jpeg CRLF           | CRLF | JPEG | CRLF --boundarydonotcross CRLF | ...
//!  once, behind the head     | Content-Length: N CRLF                  |      |      | ends the part, begins the next
//!                            | X-Timestamp: SECONDS.MICROSECONDS CRLF  |
//! ```
//! A part ends with the boundary of the next one, so that readers which wait for it show the picture at once: Firefox, Fluidd,
//! VLC. go2rtc, ffmpeg and Mainsail count the bytes. Chrome's `<img>` shows a part when the next one's head is whole: so that may
//! go in advance, without a length, which nobody knows yet. The names and values are those that ffmpeg and Mainsail look for to
//! the letter; a line is shorter than the 128 bytes that ffmpeg reads.

use super::answer::Head;
use std::fmt::Write;

/// The boundary that mjpg-streamer has made everybody's. Unquoted: Fluidd takes all behind `boundary=` for it.
pub const CONTENT_TYPE: &str = "multipart/x-mixed-replace;boundary=boundarydonotcross";

/// What stands before the first part.
pub const FIRST: &[u8] = b"--boundarydonotcross\r\n";

/// What stands behind each part.
pub const BEHIND: &[u8] = b"\r\n--boundarydonotcross\r\n";

/// What goes in advance of a part for those who show a part when they see it.
pub const IN_ADVANCE: &[u8] = b"Content-Type: image/jpeg\r\n\r\n";

/// A part's head: `length` bytes of a picture follow, captured at `micros` since 1970.
pub fn head(length: u32, micros: i64) -> Head {
    let mut head = Head::default();
    let (seconds, rest) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    // a head has room for all of it
    let _ = write!(
        head,
        "Content-Type: image/jpeg\r\nContent-Length: {length}\r\nX-Timestamp: {seconds}.{rest:06}\r\n\r\n"
    );
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_begins_as_its_readers_want_it() {
        let head = head(123_456, 1_790_000_000_012_345);
        let expected =
            "Content-Type: image/jpeg\r\nContent-Length: 123456\r\nX-Timestamp: 1790000000.012345\r\n\r\n";
        assert_eq!(head.as_bytes(), expected.as_bytes());
        assert!(super::head(1, -1).as_bytes().ends_with(b"X-Timestamp: -1.999999\r\n\r\n"));
        for micros in [i64::MIN, i64::MAX] {
            assert!(super::head(u32::MAX, micros).as_bytes().ends_with(b"\r\n\r\n"));
        }
    }
}
