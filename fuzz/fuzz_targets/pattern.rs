//! Regular expressions of the project: any text ends in an answer or in none, and the answers fit each other.
#![no_main]

use flaskseal_project::semantic::{Mode, Pattern};

/// `re.I | re.M | re.S`, `re.X` and `re.A`, as CPython numbers them.
const FLAGS: [i64; 4] = [0, 2 | 8 | 16, 64, 256];

libfuzzer_sys::fuzz_target!(|text: &str| {
    for pattern in FLAGS.iter().filter_map(|flags| Pattern::of_python(text, *flags)) {
        for mode in [Mode::Match, Mode::Search, Mode::FullMatch] {
            let texts = pattern.subject(mode);
            assert!(texts.longest.is_none_or(|longest| longest >= texts.shortest));
            assert!(texts.prefix.chars().all(|character| texts.alphabet.contains(character)));
            for listed in texts.listed.iter().flatten() {
                assert!(listed.chars().all(|character| texts.alphabet.contains(character)));
            }
            let _ = pattern.blowup(mode);
        }
        for index in 1..=pattern.group_count() {
            let _ = (pattern.group(index), pattern.group_is_certain(index));
        }
        let whole = pattern.group(0).alphabet;
        let excluded = pattern.excluded().characters;
        assert_eq!(excluded.intersection(whole), excluded);
    }
});
