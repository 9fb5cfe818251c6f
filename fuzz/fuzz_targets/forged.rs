//! A session, and what others say in its server's name.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    properties::forged::check(bytes);
});
