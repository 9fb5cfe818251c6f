//! Frames on a disk for recorders that are away.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    properties::spill::check(bytes);
});
