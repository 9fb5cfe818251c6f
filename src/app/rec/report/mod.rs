//! What camrec tells people and programs; nothing is decided or counted here.
//!
//! `people` has the words of the log for what the writer says, `json` the events for the same and what sidecars hold, `feed` is the
//! events' way out, `status` the line that shows how it goes, `paths` what there is to say of each way, and `account` what is said at the end. When something is told, and
//! what else it brings about, belongs to the loop: `notes` and `telling` beside this folder.

pub mod account;
pub mod feed;
pub mod json;
pub mod paths;
pub(super) mod people;
pub(super) mod status;

use crate::record::retention::DeleteReason;

/// Lines a minute of any one kind, whatever camcast, the network or the disk causes. With those of the next minute and the summary
/// between them they are fewer than twenty.
pub const LINES_A_MINUTE: u32 = 9;

/// Why a recording went, in the words of the options.
fn reason(why: DeleteReason) -> &'static str {
    match why {
        DeleteReason::Age => "older than --keep-for",
        DeleteReason::Bytes => "more than --keep",
        DeleteReason::MinFree => "less free than --min-free",
        DeleteReason::Full => "the disk is full",
    }
}
