//! Keys that everybody knows: words that stand where a key should be, and what documentation, tutorials and templates
//! print. Facts, in `data/known_keys.txt`.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

static DATA: &str = include_str!("../data/known_keys.txt");

/// What people put behind a word to make it a key.
const ENDINGS: [&str; 6] = ["", "!", "1", "123", "1234", "here"];

static KNOWN: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut keys = BTreeSet::new();
    for line in lines() {
        match line.strip_prefix("= ") {
            Some(exact) => {
                keys.insert(unescaped(exact));
            }
            None => spellings(line, &mut keys),
        }
    }
    keys.into_iter().collect()
});

/// The lines as they count where a key is only looked at, and not tried: without case and separators.
static WORDS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let exact = lines().filter_map(|line| line.strip_prefix("= "));
    let all = lines().map(|line| reduced(line.strip_prefix("= ").unwrap_or(line)));
    all.chain(exact.map(|exact| reduced(&unescaped(exact)))).collect()
});

fn lines() -> impl Iterator<Item = &'static str> {
    DATA.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
}

/// A text in lower case, without blanks, `-`, `_`, `.` and quotes (catalogue 6.2).
pub fn reduced(text: &str) -> String {
    text.trim().to_lowercase().chars().filter(|c| !matches!(c, ' ' | '-' | '_' | '.' | '\'' | '"')).collect()
}

/// Whether a text is of the list, in its [`reduced`] form.
pub fn is_known(reduced: &str) -> bool {
    WORDS.contains(reduced)
}

/// Every known key, sorted; a few thousand.
pub fn known_keys() -> &'static [String] {
    &KNOWN
}

/// Words in the spellings that people give them.
fn spellings(words: &str, keys: &mut BTreeSet<String>) {
    let words: Vec<&str> = words.split_whitespace().collect();
    let capital = |word: &str| {
        let mut characters = word.chars();
        let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
        first + characters.as_str()
    };
    let titles: Vec<String> = words.iter().map(|word| capital(word)).collect();
    let camel: String =
        words.iter().take(1).map(|word| (*word).to_owned()).chain(titles.iter().skip(1).cloned()).collect();
    let mut forms = BTreeSet::from([camel, titles.concat(), capital(&words.join(" "))]);
    for separator in ["", " ", "-", "_"] {
        let joined = words.join(separator);
        forms.insert(joined.to_uppercase());
        forms.insert(joined);
        forms.insert(titles.join(separator));
    }
    for form in forms {
        for ending in ENDINGS {
            keys.insert(format!("{form}{ending}"));
        }
    }
}

/// `\xNN`, `\n` and `\\` as Python writes them; each byte becomes the character of its number.
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let code = after
            .strip_prefix('x')
            .and_then(|hex| hex.get(..2))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (code, after.chars().next()) {
            (Some(code), _) => {
                out.push(char::from(code));
                rest = after.get(3..).unwrap_or("");
            }
            (None, Some('n')) => {
                out.push('\n');
                rest = after.get(1..).unwrap_or("");
            }
            (None, Some('\\')) => {
                out.push('\\');
                rest = after.get(1..).unwrap_or("");
            }
            _ => {
                out.push('\\');
                rest = after;
            }
        }
    }
    out + rest
}

/// The bytes that a key may be: characters up to 255 are also read as single bytes, as in a `b"…"` of Python.
pub fn bytes(key: &str) -> impl Iterator<Item = Vec<u8>> {
    let single: Option<Vec<u8>> = key.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    let utf8 = key.as_bytes().to_vec();
    let single = single.filter(|single| *single != utf8);
    std::iter::once(utf8).chain(single)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_keys_are_known_in_their_spellings() {
        for key in [
            "dev",
            "secret",
            "SECRET_KEY",
            "your-secret-key",
            "super secret key",
            "changeme",
            "hard to guess string",
            "you-will-never-guess",
            "my_secret_key",
            "supersecretkey123",
        ] {
            assert!(known_keys().binary_search(&key.to_owned()).is_ok(), "{key}");
        }
        assert!(known_keys().len() < 40_000);
    }

    #[test]
    fn the_list_is_known_in_every_spelling() {
        for key in [
            "Your-Secret_Key",
            "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
            "S#perS3crEt",
        ] {
            assert!(is_known(&reduced(key)), "{key}");
        }
        assert!(!is_known(&reduced("devops")) && !is_known(""));
    }

    #[test]
    fn escapes_are_pythons() {
        assert_eq!(unescaped(r"_5#y2L\x22F4\n\\ \q"), "_5#y2L\"F4\n\\ \\q");
        assert_eq!(unescaped(r"\x"), r"\x");
        let both: Vec<Vec<u8>> = bytes("\u{ff}a").collect();
        assert_eq!(both, [vec![0xc3, 0xbf, b'a'], vec![0xff, b'a']]);
    }
}
