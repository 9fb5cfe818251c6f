//! What a frame proves by itself.

use super::statement::{self, Mark, Statement};
use super::{Hash, PublicKey, place};
use crate::jpeg::{huffman, markers};
use crate::key_text::KEY_LEN;

/// What there is to say of a frame's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is, byte for byte, as the camera with a known key sent it.
    Proved(Proof),
    /// It is not. What its statement says, if it has one of a known key, is only a claim then.
    Flawed(Flaw, Option<Mark>),
}

/// What a proved frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Which frame it is.
    pub mark: Mark,
    /// Whose: a public key.
    pub key: [u8; KEY_LEN],
    /// The link of the frame before it.
    pub(super) before: Hash,
    /// Its own.
    pub(super) link: Hash,
}

/// Why a frame is not proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It has no signature.
    Unsigned,
    /// It claims to be signed by this key, which is not one of those that were named.
    Stranger([u8; KEY_LEN]),
    /// Its signature does not fit it.
    Broken,
}

/// Looks at a frame that should be signed by one of these keys.
pub fn look(jpeg: &[u8], keys: &[PublicKey]) -> Seen {
    let Some(found) = place::find(jpeg) else { return Seen::Flawed(Flaw::Unsigned, None) };
    let Some(statement) = Statement::parse(found.payload) else { return Seen::Flawed(Flaw::Broken, None) };
    let mark = statement.mark;
    let Some(key) = keys.iter().find(|key| *key.bytes() == statement.key) else {
        return Seen::Flawed(Flaw::Stranger(statement.key), None);
    };
    let said = statement::said(&statement.words(), &statement::picture(found.around));
    if !found.is_in_place || !key.has_signed(said.as_bytes(), &statement.signature) {
        return Seen::Flawed(Flaw::Broken, Some(mark));
    }
    Seen::Proved(Proof { mark, key: statement.key, before: statement.before, link: statement::link(&said) })
}

/// The same of a picture that may have come by HTTP, which puts the standard Huffman tables into JPEGs that have none: without
/// them, if it is proved so.
pub fn look_at_snapshot(jpeg: &[u8], keys: &[PublicKey]) -> Seen {
    let seen = look(jpeg, keys);
    match (&seen, without_tables(jpeg)) {
        (Seen::Flawed(Flaw::Broken, _), Some(made)) => match look(&made, keys) {
            Seen::Proved(proof) => Seen::Proved(proof),
            Seen::Flawed(..) => seen,
        },
        _ => seen,
    }
}

/// A JPEG with the standard tables in front of its first scan, without them.
fn without_tables(jpeg: &[u8]) -> Option<Vec<u8>> {
    let scan = markers::segments(jpeg).ok()?.last()?.ok()?.at;
    let before = jpeg.get(..scan)?.strip_suffix(&huffman::STANDARD_TABLES[..])?;
    Some([before, jpeg.get(scan..)?].concat())
}

/// Which frame of which camera a JPEG claims to be, by its first bytes alone: nothing is proved by that.
pub fn claimed(jpeg: &[u8]) -> Option<(Mark, [u8; KEY_LEN])> {
    let statement = Statement::parse(place::find(jpeg)?.payload)?;
    Some((statement.mark, statement.key))
}

/// The key that a JPEG claims to be signed by, likewise; the rest of the statement is not looked at.
pub fn claimed_key(jpeg: &[u8]) -> Option<[u8; KEY_LEN]> {
    statement::claimed_key(place::find(jpeg)?.payload)
}
