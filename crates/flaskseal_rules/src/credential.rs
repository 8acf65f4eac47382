//! Names that promise a secret, and values that look like one.

use flaskseal_core::shannon_entropy_bits;

use crate::secret::is_public;

/// Words of a name behind which a password stands.
const PASSWORDS: &[&str] = &["password", "passwd", "passphrase", "pwd", "pass", "passcode"];

/// Words that make a name one of something about the secret: `PASSWORD_RESET_URL`, `token_lifetime`, `password_field`.
const ABOUT: &[&str] = &[
    "age",
    "algorithm",
    "algorithms",
    "attribute",
    "backend",
    "change",
    "class",
    "column",
    "confirm",
    "context",
    "cookie",
    "count",
    "days",
    "dir",
    "enabled",
    "endpoint",
    "env",
    "error",
    "expiration",
    "expires",
    "expiry",
    "factory",
    "field",
    "file",
    "filename",
    "form",
    "format",
    "hash",
    "hashed",
    "hasher",
    "hashes",
    "header",
    "help",
    "hint",
    "history",
    "hours",
    "html",
    "id",
    "ids",
    "input",
    "invalid",
    "issuer",
    "label",
    "len",
    "length",
    "level",
    "lifetime",
    "limit",
    "link",
    "loader",
    "location",
    "max",
    "message",
    "method",
    "min",
    "minutes",
    "model",
    "msg",
    "name",
    "names",
    "page",
    "param",
    "parameter",
    "path",
    "pattern",
    "placeholder",
    "policy",
    "prefix",
    "prompt",
    "provider",
    "public",
    "publishable",
    "recovery",
    "ref",
    "regex",
    "required",
    "requirements",
    "reset",
    "role",
    "route",
    "rounds",
    "schema",
    "schemes",
    "scope",
    "scopes",
    "seconds",
    "selector",
    "serializer",
    "site",
    "size",
    "storage",
    "strength",
    "subject",
    "suffix",
    "table",
    "template",
    "text",
    "timeout",
    "title",
    "ttl",
    "type",
    "types",
    "uri",
    "url",
    "urls",
    "user",
    "username",
    "validator",
    "validators",
    "version",
    "view",
    "csrf",
    "xsrf",
    "usage",
    "cache",
    "next",
    "page",
];

/// What a name promises.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Promise {
    Password,
    /// A token, an API key, a private key.
    Token,
}

/// What stands behind a variable, setting or key of this name, if it is a secret.
pub(crate) fn promise(name: &str) -> Option<Promise> {
    let words = words(name);
    let has = |word: &str| words.iter().any(|known| known == word);
    let pair = |first: &str, second: &str| words.windows(2).any(|pair| pair[0] == first && pair[1] == second);
    if words.iter().any(|word| ABOUT.contains(&word.as_str())) {
        return None;
    }
    // `pass` is a word of English as well; a password's name ends with it.
    let last_is_pass = words.last().is_some_and(|word| word == "pass");
    if PASSWORDS.iter().any(|word| *word != "pass" && has(word)) || last_is_pass {
        return Some(Promise::Password);
    }
    let is_key = [
        "api",
        "access",
        "private",
        "encryption",
        "signing",
        "auth",
        "secret",
        "account",
        "master",
        "service",
        "license",
    ]
    .iter()
    .any(|first| pair(first, "key"));
    let is_token = has("token")
        || has("apikey")
        || has("secret")
        || has("secretkey")
        || has("credential")
        || has("credentials");
    (is_key || is_token).then_some(Promise::Token)
}

/// The words of an identifier: `DB_PASSWORD`, `dbPassword` and `db-password` have two.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before_is_lower = false;
    for character in name.chars().take(80) {
        let is_separator = !character.is_ascii_alphanumeric();
        if is_separator || character.is_ascii_uppercase() && before_is_lower {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| !is_separator) {
            word.push(character.to_ascii_lowercase());
        }
        before_is_lower = character.is_ascii_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether the text only stands for a value that something else fills in, or says where it is.
pub(crate) fn is_reference(value: &str) -> bool {
    let value = value.trim();
    value.is_empty()
        || ["${", "{{", "<%", "%(", "$(", "{%", "#{", "ENC["].iter().any(|mark| value.contains(mark))
        || [
            "/", "./", "~/", "vault:", "op://", "arn:", "ssm:", "sm://", "file:", "env:", "!", "@", "$",
            "ref+",
        ]
        .iter()
        .any(|mark| value.starts_with(mark))
        || value.starts_with('<') && value.ends_with('>')
        || matches!(
            value.to_ascii_lowercase().as_str(),
            "true" | "false" | "none" | "null" | "nil" | "yes" | "no" | "undefined"
        )
        || is_dotted_name(value)
}

/// `package.module.Name`: where something is defined, with words as people write them.
fn is_dotted_name(value: &str) -> bool {
    let is_word = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && part.len() <= 40
    };
    // `pre_7_4` beside words is no more random than they are.
    value.split('.').count() >= 3
        && value.split('.').all(is_word)
        && value.split(['.', '_']).all(|word| randomness(word).is_none())
}

/// Whether a value is a placeholder that somebody is meant to replace.
pub(crate) fn is_placeholder(name: &str, value: &str) -> bool {
    let reduce = |text: &str| -> String {
        text.chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|character| character.to_ascii_lowercase())
            .collect()
    };
    let reduced = reduce(value);
    reduced.is_empty()
        || reduced == reduce(name)
        || is_public(value)
        || [
            "example",
            "placeholder",
            "changeme",
            "changethis",
            "replaceme",
            "redacted",
            "xxxx",
            "yourpassword",
            "yoursecret",
            "yourtoken",
            "yourapi",
            "your_",
            "dummy",
            "insert",
        ]
        .iter()
        .any(|word| reduced.contains(word))
        || value.starts_with("your")
        || value.starts_with("YOUR")
        || value.contains("...")
}

/// Random text: no words, both letters and digits, little repetition. Bits per character, where it is.
pub(crate) fn randomness(value: &str) -> Option<f64> {
    let length = value.chars().count();
    let is_plain = value.bytes().all(|byte| byte.is_ascii_graphic());
    let has_digit = value.bytes().any(|byte| byte.is_ascii_digit());
    let has_letter = value.bytes().any(|byte| byte.is_ascii_alphabetic());
    let is_address = value.contains("://") || value.contains(['(', ')', ';', ',', '\\', '<', '>', '*', '|']);
    // `shop.views.index2`, `user-profile-2`: words with separators between them.
    let longest = value.split(|c: char| !c.is_ascii_alphanumeric()).map(str::len).max().unwrap_or(0);
    if !(16..=512).contains(&length)
        || !is_plain
        || !has_digit
        || !has_letter
        || is_address
        || longest < 12
        || is_uuid(value)
    {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 512")]
    let bits = shannon_entropy_bits(value) / length as f64;
    (bits >= 3.0).then_some(bits)
}

fn is_uuid(value: &str) -> bool {
    let parts: Vec<usize> = value.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && value.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// The user and the password of a URL, if it has both.
pub(crate) fn userinfo(url: &str) -> Option<(&str, &str)> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (userinfo, _) = authority.rsplit_once('@')?;
    let (user, password) = userinfo.split_once(':')?;
    (!password.is_empty() && !is_reference(password) && !password.contains(['{', '%', '<', '[', '*']))
        .then_some((user, password))
}

/// The host of a URL, without its port.
pub(crate) fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    host.split(':').next().unwrap_or("")
}

/// A password that is everybody's first guess.
pub(crate) fn is_trivial(user: &str, password: &str) -> bool {
    let password = password.to_ascii_lowercase();
    password == user.to_ascii_lowercase()
        || is_public(&password)
        || matches!(
            password.as_str(),
            "postgres"
                | "root"
                | "mysql"
                | "guest"
                | "rabbitmq"
                | "mongo"
                | "redis"
                | "toor"
                | "pass"
                | "user"
                | "username"
                | "minio"
                | "minioadmin"
                | "admin"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_about_a_secret_are_none() {
        for name in [
            "PASSWORD_RESET_URL",
            "password_field",
            "token_expires",
            "SECRET_NAME",
            "bypass",
            "compass",
            "passport",
            "monkey",
            "primary_key",
            "public_key",
            "AWS_ACCESS_KEY_ID",
            "tokenizer",
            "passenger_count",
            "csrf_token",
        ] {
            assert_eq!(promise(name), None, "{name}");
        }
        for name in ["MAIL_PASSWORD", "dbPassword", "smtp-pass", "ADMIN_PWD"] {
            assert_eq!(promise(name), Some(Promise::Password), "{name}");
        }
        for name in [
            "API_KEY",
            "apiKey",
            "stripe_secret_key",
            "GITHUB_TOKEN",
            "client_secret",
            "AWS_SECRET_ACCESS_KEY",
            "private-key",
        ] {
            assert_eq!(promise(name), Some(Promise::Token), "{name}");
        }
    }

    #[test]
    fn words_are_not_random() {
        for value in [
            "the_quick_brown_fox_2",
            "shop.views.catalogue2",
            "550e8400-e29b-41d4-a716-446655440000",
            "aaaaaaaaaaaaaaaaaaa1",
            "https://a.example/b1",
        ] {
            assert_eq!(randomness(value), None, "{value}");
        }
        assert!(randomness("kV9hh2Lq0zP4wN7eR1uT6yS3d").is_some_and(|bits| bits > 4.0));
    }

    #[test]
    fn urls_show_their_passwords() {
        assert_eq!(userinfo("postgresql://shop:s3cr:et@db/shop"), Some(("shop", "s3cr:et")));
        assert_eq!(userinfo("postgresql://shop@db/shop"), None);
        assert_eq!(userinfo("postgresql://shop:${PW}@db/shop"), None);
        assert_eq!(host("redis://:x@cache:6379/0"), "cache");
    }
}
