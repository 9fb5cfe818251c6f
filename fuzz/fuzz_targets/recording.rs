//! A file of camrec's, or something like it: read, and repaired.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    properties::recording::check(bytes);
});
