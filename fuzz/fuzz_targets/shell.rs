//! Shell: as a script that a container starts, and as the words of a start command.
#![no_main]

use flaskseal_fuzz::{assert_inside, deploy};

libfuzzer_sys::fuzz_target!(|text: &str| {
    assert_inside(text, &flaskseal_deploy::shell::parse(text).problems);
    deploy("entrypoint.sh", text);
    deploy("Dockerfile", &format!("FROM python\nENTRYPOINT {}\n", text.replace('\n', " ")));
    let tree = flaskseal_fuzz::tree("");
    let _ = flaskseal_deploy::read_command(&tree, text);
});
