//! A JPEG that is signed, or says that it is.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    properties::sign::check(bytes);
});
