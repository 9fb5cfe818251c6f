//! A key file, a sealed join or a datagram, made without the key.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    properties::sealed::check(bytes);
});
