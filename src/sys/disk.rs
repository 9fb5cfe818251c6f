//! How much room a file system has.

use nix::sys::statvfs::{Statvfs, fstatvfs};
use std::io;
use std::os::fd::AsFd;

/// Bytes that are free for us on the file system of that file or folder.
///
/// # Errors
/// What the system says.
pub fn free(file: impl AsFd) -> io::Result<u64> {
    let stat = fstatvfs(file)?;
    Ok(bytes(&stat, stat.blocks_available()))
}

/// Bytes that it has, used or free.
///
/// # Errors
/// What the system says.
pub fn size(file: impl AsFd) -> io::Result<u64> {
    let stat = fstatvfs(file)?;
    Ok(bytes(&stat, stat.blocks()))
}

#[allow(clippy::useless_conversion, reason = "on some machines these are of 32 bits")]
fn bytes(stat: &Statvfs, blocks: libc::fsblkcnt_t) -> u64 {
    u64::from(blocks).saturating_mul(u64::from(stat.fragment_size()))
}
