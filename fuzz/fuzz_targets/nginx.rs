//! nginx's configuration: the reader alone, then what it means for the sites, for headers and for variables.
#![no_main]

use flaskseal_core::FileId;
use flaskseal_deploy::nginx::Pattern;
use flaskseal_fuzz::{assert_inside, deploy};

libfuzzer_sys::fuzz_target!(|text: &str| {
    assert_inside(text, &flaskseal_deploy::nginx::parse(FileId(0), text).problems);
    Pattern::new(text, true).alternatives();
    deploy("nginx/site.conf", text);
});
