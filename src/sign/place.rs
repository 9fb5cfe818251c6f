//! Where in a JPEG a statement stands: behind SOI, or behind the APP0 that follows it at once, which readers of JFIF and of MJPEG in
//! AVI want first.

use super::statement::{IDENTIFIER, MARKER, PAYLOAD_LEN};
use crate::jpeg::markers::{APP0, Segment, Step, step};

/// Bytes of SOI.
const START: usize = 2;

/// A frame around its statement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    /// What is before it, and what is behind it.
    pub(super) around: [&'a [u8]; 2],
    pub(super) payload: &'a [u8],
    /// It stands where it was put.
    pub(super) is_in_place: bool,
}

/// Where this frame's statement goes.
pub(super) fn place(jpeg: &[u8]) -> usize {
    first(jpeg, START).filter(|first| first.code == APP0).map_or(START, |app0| app0.end)
}

/// The statement of this frame, or what may have been one.
pub(super) fn find(jpeg: &[u8]) -> Option<Found<'_>> {
    let is_ours = |segment: &Segment<'_>| {
        let is_alike = segment.payload.starts_with(IDENTIFIER) || segment.payload.len() == PAYLOAD_LEN;
        segment.code == MARKER && is_alike
    };
    let found = [START, place(jpeg)].into_iter().find_map(|at| first(jpeg, at).filter(is_ours));
    let Segment { at, payload, end, .. } = found?;
    let around = [jpeg.get(..at)?, jpeg.get(end..)?];
    // it was not moved before an APP0
    let is_in_place = at != START || first(around[1], 0).is_none_or(|next| next.code != APP0);
    Some(Found { around, payload, is_in_place })
}

/// The segment that begins right here.
fn first(bytes: &[u8], at: usize) -> Option<Segment<'_>> {
    match step(bytes, at) {
        Step::Segment(segment) if segment.at == at => Some(segment),
        _ => None,
    }
}
