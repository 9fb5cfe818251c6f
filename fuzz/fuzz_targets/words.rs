//! What is typed: arguments, and the quantities, addresses and names in them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    properties::words::check(bytes);
});
