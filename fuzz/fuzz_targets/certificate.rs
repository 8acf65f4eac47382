//! Certificates in PEM.
#![no_main]

use flaskseal_fuzz::assert_inside;

libfuzzer_sys::fuzz_target!(|text: &str| {
    assert_inside(text, &flaskseal_deploy::certificate::parse(text).problems);
});
