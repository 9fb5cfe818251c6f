//! A message by multicast DNS.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    properties::mdns::check(bytes);
});
