//! Which start of the machine this is.

use std::fs;

/// A UUID that is new with each start of the machine; empty where `/proc` is hidden, as in our units.
pub fn id() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}
