//! A JPEG that goes by RTP.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    properties::rtp::check(bytes);
});
