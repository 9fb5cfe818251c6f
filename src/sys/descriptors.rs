//! How many descriptors are left to the process.

use rustix::process::{Resource, getrlimit};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// Whether there are fewer than `spare` left beside this one, which has just been opened: the system gives the lowest number that
/// is free, so that all below it are taken.
pub fn are_scarce(newest: &impl AsFd, spare: u64) -> bool {
    let number = u64::try_from(newest.as_fd().as_raw_fd()).unwrap_or(0);
    let limit = getrlimit(Resource::Nofile).current;
    limit.is_some_and(|limit| number.saturating_add(spare) >= limit)
}

/// The same with the lowest number that is free, if that is lower than its own. To be done where one has gone for it: with holes below,
/// the next ones would look as if there were many left.
pub fn moved_down<It: AsFd + From<OwnedFd>>(it: It) -> It {
    let number = it.as_fd().as_raw_fd();
    match it.as_fd().try_clone_to_owned() {
        Ok(lower) if lower.as_raw_fd() < number => It::from(lower),
        _ => it,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::loopback::{alone, test_name};
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    use std::fs::File;

    #[test]
    fn a_descriptors_number_tells_how_many_are_left() {
        if !alone(test_name!("a_descriptors_number_tells_how_many_are_left")) {
            return;
        }
        let newest = File::open("/dev/null").unwrap();
        let number = newest.as_raw_fd();
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, (number + 5).try_into().unwrap(), most).unwrap();
        assert!(!are_scarce(&newest, 4) && are_scarce(&newest, 5));
        let (gone, later) = (newest, File::open("/dev/null").unwrap());
        assert!(are_scarce(&later, 4));
        drop(gone);
        let later = moved_down(later);
        assert!(later.as_raw_fd() == number && later.metadata().is_ok());
        assert_eq!(moved_down(later).as_raw_fd(), number, "there is none lower");
    }
}
