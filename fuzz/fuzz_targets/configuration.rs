//! The configuration file, as `flaskseal.toml` and as `pyproject.toml`.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let rules: Vec<_> = flaskseal_rules::metas().collect();
    let _ = flaskseal::configuration::validate("flaskseal.toml", text, &rules);
    let _ = flaskseal::configuration::validate("pyproject.toml", text, &rules);
});
