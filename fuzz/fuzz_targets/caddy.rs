//! Caddyfiles: the reader alone, then the sites that follow.
#![no_main]

use flaskseal_fuzz::{assert_inside, deploy};

libfuzzer_sys::fuzz_target!(|text: &str| {
    assert_inside(text, &flaskseal_deploy::caddy::parse(text).problems);
    deploy("Caddyfile", text);
});
