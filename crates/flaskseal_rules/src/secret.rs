//! How good a secret is: public knowledge, length, entropy. Nothing here prints one.

use flaskseal_core::shannon_entropy_bits;

/// Words that stand where a key should be, and keys that everybody can read in documentation and tutorials. Compared
/// without case, blanks, `-`, `_` and trailing digits or punctuation (catalogue 6.2).
static PUBLIC: &[&str] = &[
    "abc",
    "abcdef",
    "abc123",
    "admin",
    "app",
    "changeit",
    "changeme",
    "changethis",
    "changethiskey",
    "default",
    "defaultkey",
    "defaultsecret",
    "defaultsecretkey",
    "demo",
    "dev",
    "devkey",
    "devsecret",
    "devsecretkey",
    "developement",
    "development",
    "developmentkey",
    "developmentsecret",
    "developmentsecretkey",
    "example",
    "flask",
    "flaskkey",
    "flasksecret",
    "flasksecretkey",
    "foo",
    "foobar",
    "hardtoguess",
    "hardtoguessstring",
    "hello",
    "helloworld",
    "insecure",
    "insecurekey",
    "key",
    "letmein",
    "localsecret",
    "mykey",
    "mysecret",
    "mysecretkey",
    "mysupersecret",
    "mysupersecretkey",
    "none",
    "notasecret",
    "notsecret",
    "notsosecret",
    "null",
    "password",
    "placeholder",
    "pleasechangeme",
    "pleasechangethis",
    "replaceme",
    "replacethis",
    "s3cr3t",
    "secret",
    "secretkey",
    "secretkeyhere",
    "secretstring",
    "secretsecret",
    "setme",
    "string",
    "super",
    "supersecret",
    "supersecretkey",
    "supersecretpassword",
    "temp",
    "temporary",
    "test",
    "testing",
    "testkey",
    "testsecret",
    "testsecretkey",
    "thisisasecret",
    "thisisasecretkey",
    "thisisnotasecret",
    "thisisthesecretkey",
    "thissecretkey",
    "topsecret",
    "todo",
    "unsafe",
    "unsafekey",
    "unsafesecret",
    "verysecret",
    "verysecretkey",
    "xxx",
    "youllneverguess",
    "youneverguess",
    "youwillneverguess",
    "yoursecret",
    "yoursecretkey",
    "yoursecretkeyhere",
    // Printed in Flask's own documentation, past and present.
    "\\xbf\\xb0\\x11\\xb1\\xcd\\xf9\\xba\\x8b\\x0c\\x9f",
    "5#y2lf4q8z\\n\\xec]/",
    "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
    "a0zr98j/3yxr~xhh!jmn]lwx/,?rt",
    "fd{h@1bxo6,/,b5#y2lf4q8z",
    // Tutorials and the documentation of extensions.
    "asecret",
    "asecretkey",
    "anysecret",
    "correcthorsebatterystaple",
    "guessme",
    "itsasecret",
    "itsasecrettoeverybody",
    "jwtsecret",
    "jwtsecretkey",
    "jwtsecretstring",
    "keepitsecret",
    "keepitsecretkeepitsafe",
    "mysecretkeyhere",
    "mysecretpassword",
    "mysessionsecret",
    "nobodyknows",
    "qwerty",
    "qwertyuiop",
    "random",
    "randomkey",
    "randomsecret",
    "randomsecretkey",
    "randomstring",
    "reallysecret",
    "secretkeygoeshere",
    "sessionkey",
    "sessionsecret",
    "sneaky",
    "somekey",
    "somerandomkey",
    "somerandomstring",
    "somesecret",
    "somesecretkey",
    "somethingsecret",
    "somethingunique",
    "supersekrit",
    "superdupersecret",
    "superduper",
    "supersecretsecret",
    "temporarykey",
    "thesecret",
    "thesecretkey",
    "thisisasupersecretkey",
    "thisismysecret",
    "thisismysecretkey",
    "thisissecret",
    "thisissecretkey",
    "thisshouldbesecret",
    "totallysecret",
    "uniquekey",
    "verysecretstring",
    "whatever",
    "youcantguessthis",
    "yourrandomsecretkey",
    "itsdangerouskey",
    // Shipped by well-known applications and templates.
    "s#pers3cret",
    "c292a0a3aa32397cdb050e233733900f",
    "\\2\\1thisismyscretkey\\1\\2\\e\\y\\y\\h",
    "testnondevsecret",
    "thisreallyneedstobechanged",
    "cantguessthis",
];

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

/// Whether the text is a placeholder or a key that stands in documentation.
pub(crate) fn is_public(text: &str) -> bool {
    let lower = text.trim().to_lowercase();
    let reduced: String =
        lower.chars().filter(|c| !matches!(c, ' ' | '-' | '_' | '.' | '\'' | '"')).collect();
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
        || [lower.as_str(), &reduced, stem, bracketed].iter().any(|form| PUBLIC.contains(form))
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
