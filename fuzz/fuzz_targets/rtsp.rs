//! What comes over a connection of RTSP.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    properties::rtsp::check(bytes);
});
