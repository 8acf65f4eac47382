//! How good a secret is: public knowledge, length, entropy. Nothing here prints one.

use flaskseal_core::shannon_entropy_bits;
use flaskseal_live::keys;

/// Pieces that only a placeholder has.
static PLACEHOLDERS: &[&str] = &[
    "changeme",
    "changethis",
    "changeinprod",
    "changeonprod",
    "changebefore",
    "pleasechange",
    "replaceme",
    "replacethis",
    "replacewith",
    "yoursecret",
    "yourkeyhere",
    "insertyour",
    "setmein",
    "shouldbechanged",
    "needstobechanged",
    "notforproduction",
    "donotuse",
    "dontuse",
    "tobechanged",
];

/// What is wrong with a key that somebody uses, worst first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Weakness {
    /// On the list of keys that everybody knows.
    Public,
    /// Short, repetitive or of few different characters: it can be guessed.
    Guessable,
    /// 16 to 31 bytes.
    Short,
}

/// The weakness of a key, if it has one.
pub(crate) fn weakness(key: &[u8]) -> Option<Weakness> {
    let text = String::from_utf8_lossy(key);
    if is_public(&text) {
        return Some(Weakness::Public);
    }
    let material = decoded_length(&text, key.len());
    // Text has less entropy than its characters' distribution says; below 64 bits it certainly is guessable.
    if material < 16 || shannon_entropy_bits(&text) < 64.0 || is_repeated(&text) {
        return Some(Weakness::Guessable);
    }
    (material < 32).then_some(Weakness::Short)
}

/// Whether the text is a placeholder or a key that stands in documentation, without trailing digits or punctuation
/// (catalogue 6.2).
pub(crate) fn is_public(text: &str) -> bool {
    let reduced = keys::reduced(text);
    let stem =
        reduced.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '!' | '?' | '*' | '#' | '$'));
    let bracketed =
        reduced.trim_matches(|c: char| matches!(c, '<' | '>' | '[' | ']' | '{' | '}' | '%' | '(' | ')'));
    let is_one_character = {
        let mut characters = reduced.chars();
        characters.next().is_none_or(|first| characters.all(|c| c == first))
    };
    is_one_character
        || reduced.bytes().all(|byte| byte.is_ascii_digit()) && reduced.len() <= 12
        || PLACEHOLDERS.iter().any(|piece| reduced.contains(piece))
        || [&reduced, stem, bracketed].iter().any(|form| keys::is_known(form))
}

/// Bytes of key material: hexadecimal text stands for half its length.
fn decoded_length(text: &str, length: usize) -> usize {
    let is_hex =
        length >= 16 && length.is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex { length / 2 } else { length }
}

/// The same short piece over and over.
fn is_repeated(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=bytes.len() / 3).take(8).any(|period| bytes.chunks(period).all(|chunk| bytes.starts_with(chunk)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_public_in_every_spelling() {
        for key in [
            "dev",
            "SECRET_KEY",
            "your-secret-key",
            "change_me!",
            "super secret key 123",
            "default_key",
            "12345",
            "aaaaaaaa",
            "<changeme>",
            "hard to guess string",
            "you-will-never-guess",
            "S#perS3crEt_007",
            "dev-secret-change-in-production",
            "replace_me_please",
        ] {
            assert_eq!(weakness(key.as_bytes()), Some(Weakness::Public), "{key}");
        }
    }

    #[test]
    fn random_keys_are_measured() {
        assert_eq!(weakness(b"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"), None);
        assert_eq!(weakness(b"9f86d081884c7d659a2feaa0c55ad015"), Some(Weakness::Short));
        assert_eq!(weakness(b"devops-pipeline"), Some(Weakness::Guessable));
        assert_eq!(weakness(b"abcdabcdabcdabcdabcdabcdabcdabcd"), Some(Weakness::Guessable));
    }
}
