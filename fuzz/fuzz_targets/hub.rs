//! What clients do that mean the sender ill.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    properties::hub::check(bytes);
});
