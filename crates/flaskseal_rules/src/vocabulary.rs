//! Which words stand in which file, so that rules walk the syntax of few files: all texts are searched once, for the
//! words of all rules.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use aho_corasick::AhoCorasick;
use flaskseal_core::FileId;
use flaskseal_project::Context;

use crate::by_file::ByFile;

/// In lower case; the case in the file does not count.
const WORDS: [&str; 11] = [
    "://",
    "aws_secret",
    "b64decode",
    "hash",
    "httpauth",
    "insert into",
    "pass",
    "pw",
    "session_protection",
    // Longer than one before, which is found first.
    "passphrase",
    "passw",
];

/// How many of the words are searched for; none of these is in another.
const SEARCHED: usize = 9;

static SEARCH: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(&WORDS[..SEARCHED])
        .expect("a few short words are no automaton that is too large")
});

/// The words of a file, a bit for each.
struct Words(u16);

/// Texts that are none of the words, and which files hold them.
#[derive(Default)]
struct Others(Mutex<BTreeMap<String, Arc<ByFile<bool>>>>);

/// Whether a file has any of the words in its text. `://` counts where a URL names a user, and `pass` where it is no
/// statement.
pub(crate) fn mentions_any(cx: &Context<'_>, file: FileId, words: &[&str]) -> bool {
    files_with(cx, words, [file]).next().is_some()
}

/// Those of some files that have any of the words in their texts, as above.
pub(crate) fn files_with<'p, F: IntoIterator<Item = FileId>>(
    cx: &Context<'p>,
    words: &[&str],
    files: F,
) -> impl Iterator<Item = FileId> + use<'p, F> {
    let project = cx.project;
    let listed = project.once(|| ByFile::<Words>::new(project));
    let mut bits = 0;
    let mut others = Vec::new();
    for word in words {
        match WORDS.iter().position(|listed| listed == word) {
            Some(bit) => bits |= 1 << bit,
            None => others.push(((*word).to_owned(), Others::of(cx, word))),
        }
    }
    files.into_iter().filter(move |file| {
        let text = &project.tree.file(*file).text;
        let has_word = || listed.of(*file, || Words(words_of(text))).is_some_and(|words| words.0 & bits != 0);
        bits != 0 && has_word()
            || others.iter().any(|(word, found)| found.of(*file, || text.contains(word)) == Some(&true))
    })
}

impl Others {
    fn of(cx: &Context<'_>, word: &str) -> Arc<ByFile<bool>> {
        let others = cx.project.once(Self::default);
        let mut known = others.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(word) {
            return known.clone();
        }
        let found = Arc::new(ByFile::new(cx.project));
        known.insert(word.to_owned(), found.clone());
        found
    }
}

fn words_of(text: &str) -> u16 {
    let mut words = 0;
    let bytes = text.as_bytes();
    for found in SEARCH.find_iter(text) {
        let bit = found.pattern().as_usize();
        let (before, after) = (&bytes[..found.start()], &bytes[found.end()..]);
        match WORDS[bit] {
            "://" if !names_user(after) => continue,
            "pass" => {
                for (longer, word) in WORDS.iter().enumerate().skip(SEARCHED) {
                    let rest = word.strip_prefix("pass").unwrap_or(word).as_bytes();
                    if after.get(..rest.len()).is_some_and(|text| text.eq_ignore_ascii_case(rest)) {
                        words |= 1 << longer;
                    }
                }
                if is_statement(before, after.first()) {
                    continue;
                }
            }
            _ => {}
        }
        words |= 1 << bit;
    }
    words
}

/// Whether the authority of a URL, which ends at the first of these characters, names a user.
fn names_user(rest: &[u8]) -> bool {
    rest.iter().take_while(|byte| !matches!(byte, b'/' | b'?' | b'#')).any(|byte| *byte == b'@')
}

/// Whether `pass` is the statement: the first on its line or after a colon, and nothing but it.
fn is_statement(before: &[u8], after: Option<&u8>) -> bool {
    let previous = before.iter().rev().find(|byte| !matches!(byte, b' ' | b'\t'));
    let begins = previous.is_none_or(|byte| matches!(byte, b'\n' | b'\r' | b':' | b';'));
    begins && after.is_none_or(|byte| matches!(byte, b'\n' | b'\r' | b' ' | b'\t' | b'#' | b';'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&'static str> {
        let found = words_of(text);
        (0..WORDS.len()).filter(|bit| found & (1 << bit) != 0).map(|bit| WORDS[bit]).collect()
    }

    #[test]
    fn words_are_found_in_any_case() {
        assert_eq!(words("DB_PASSWORD = 1"), ["pass", "passw"]);
        assert_eq!(words("passpass, pashash"), ["hash", "pass"]);
        assert_eq!(words("x = MyPW"), ["pw"]);
        assert_eq!(words("user.hashed_passphrase"), ["hash", "pass", "passphrase"]);
        assert!(words("len(x)").is_empty());
    }

    #[test]
    fn the_statement_and_plain_urls_do_not_count() {
        for text in ["pass", "if x: pass\n", "try:\n    pass # no\n", "a = 1;pass\r\n", "# http://a.b/@c"] {
            assert!(words(text).is_empty(), "{text}");
        }
        for text in ["db_pass = 1", "x['pass']", "'db pass'", "'a: pass'", "pass_ = 1"] {
            assert_eq!(words(text), ["pass"], "{text}");
        }
        assert_eq!(words("'postgres://user:x@host/db'"), ["://"]);
        assert_eq!(words("'postgres://' 'user:x@host/db'"), ["://"]);
    }
}
