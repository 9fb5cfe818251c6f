//! A datagram of a receiver's reports.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    properties::rtcp::check(bytes);
});
