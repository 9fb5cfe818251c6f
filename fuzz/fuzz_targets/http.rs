//! What comes over a connection of HTTP.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    properties::http::check(bytes);
});
