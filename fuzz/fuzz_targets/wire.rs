//! A join, a reply, or a datagram of either side.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    properties::wire::check(bytes);
});
