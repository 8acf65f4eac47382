//! A whole small tree: what starts it, what it computes, what the gate says, in every format. Files begin at lines
//! `#### path`.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    flaskseal_fuzz::judge(&flaskseal_fuzz::tree(text), None);
});
