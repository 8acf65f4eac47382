//! The baseline file: what is read is written and read again to the same.
#![no_main]

use flaskseal_judge::Baseline;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(baseline) = Baseline::parse(text) else { return };
    let written = baseline.to_text();
    assert_eq!(Baseline::parse(&written).expect("what was written can be read"), baseline);
});
