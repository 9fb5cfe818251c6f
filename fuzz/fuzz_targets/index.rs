//! The index of a folder of recordings.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    properties::index::check(bytes);
});
