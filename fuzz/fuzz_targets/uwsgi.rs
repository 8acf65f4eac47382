//! UWSGI configuration: the reader alone, then the deployment that follows.
#![no_main]

use flaskseal_fuzz::{assert_inside, deploy};

libfuzzer_sys::fuzz_target!(|text: &str| {
    assert_inside(text, &flaskseal_deploy::uwsgi::parse(text).problems);
    deploy("uwsgi.ini", text);
    for path in ["uwsgi.yaml", "uwsgi.json", "uwsgi.xml"] {
        deploy(path, text);
    }
});
