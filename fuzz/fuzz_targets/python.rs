//! One Python file through parser, evaluator, rules and reports, as `gunicorn app:app` starts it.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let tree = flaskseal_core::Tree::from_texts([("app.py".to_owned(), text.to_owned())]);
    flaskseal_fuzz::judge(&tree, Some("app:app"));
});
