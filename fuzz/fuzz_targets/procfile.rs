//! Procfiles: the reader alone, then the deployment that follows.
#![no_main]

use flaskseal_fuzz::{assert_inside, deploy};

libfuzzer_sys::fuzz_target!(|text: &str| {
    assert_inside(text, &flaskseal_deploy::procfile::parse(text).problems);
    deploy("Procfile", text);
});
