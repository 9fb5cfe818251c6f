//! A JPEG that is decoded and made smaller.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    properties::picture::check(bytes);
});
