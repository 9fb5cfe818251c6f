//! What a server says that means a receiver ill.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    properties::server::check(bytes);
});
