//! Regular expressions of the project: any text ends in an answer or in none, and the answers fit each other.
#![no_main]

use flaskseal_project::semantic::{Mode, Pattern};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, u16)| {
    let (text, flags) = input;
    let Some(pattern) = Pattern::of_python(text, i64::from(flags)) else { return };
    for mode in [Mode::Match, Mode::Search, Mode::FullMatch] {
        let texts = pattern.subject(mode);
        assert!(texts.longest.is_none_or(|longest| longest >= texts.shortest));
        assert!(texts.prefix.chars().all(|character| texts.alphabet.contains(character)));
        for listed in texts.listed.iter().flatten() {
            assert!(listed.chars().all(|character| texts.alphabet.contains(character)));
        }
        let _ = pattern.blowup(mode);
    }
    let whole = pattern.group(0).alphabet;
    for index in 1..=pattern.group_count() {
        let _ = (pattern.group(index), pattern.group_is_certain(index));
    }
    let excluded = pattern.excluded();
    assert_eq!(excluded.characters.intersection(whole), excluded.characters);
});
