//! A stream of JPEGs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    properties::split::check(bytes);
});
