//! Names that people give to secrets.

/// Whether a variable, key or setting of this name holds a secret: its last words say so. `reset_token` does,
/// `password_hash`, `token_url` and `max_tokens` do not.
pub(super) fn is_secret_name(name: &str) -> bool {
    const LAST: &[&str] = &[
        "password",
        "passwd",
        "pwd",
        "passphrase",
        "passcode",
        "secret",
        "token",
        "apikey",
        "authorization",
        "credentials",
        "cvv",
        "cvc",
        "otp",
        "jwt",
        "cookie",
        "cookies",
    ];
    const LAST_TWO: &[(&str, &str)] = &[
        ("api", "key"),
        ("secret", "key"),
        ("access", "key"),
        ("private", "key"),
        ("auth", "key"),
        ("signing", "key"),
        ("encryption", "key"),
        ("card", "number"),
        ("session", "id"),
        ("database", "uri"),
        ("database", "url"),
    ];
    // What says that a secret is not meant, or only its shadow.
    const HARMLESS: &[&str] = &[
        "cache",
        "continuation",
        "csrf",
        "cursor",
        "next",
        "page",
        "sync",
        "hash",
        "hashed",
        "masked",
        "redacted",
        "is",
        "has",
        "no",
        "use",
        "public",
        "invalid",
        "valid",
        "encrypted",
        "wrong",
        "retain",
        "keep",
        "need",
        "needs",
        "require",
        "requires",
        "missing",
        "expired",
        "check",
        "verify",
        "show",
    ];
    let words = words(name);
    let [.., last] = words.as_slice() else { return false };
    if words.iter().any(|word| HARMLESS.contains(&word.as_str())) {
        return false;
    }
    let ends_so = LAST.contains(&last.as_str());
    ends_so || matches!(words.as_slice(), [.., a, b] if LAST_TWO.contains(&(a.as_str(), b.as_str())))
}

/// `resetToken`, `reset_token` and `RESET-TOKEN` are the words "reset" and "token".
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for character in name.chars() {
        let starts = character.is_uppercase() && was_lower;
        if (starts || !character.is_alphanumeric()) && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if character.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(character.to_lowercase());
        }
        was_lower = character.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_decide() {
        for secret in [
            "password",
            "new_password",
            "SECRET_KEY",
            "apiKey",
            "X-Api-Key",
            "accessToken",
            "Authorization",
            "SQLALCHEMY_DATABASE_URI",
        ] {
            assert!(is_secret_name(secret), "{secret}");
        }
        for harmless in [
            "password_hash",
            "hashed_password",
            "password_reset_url",
            "max_tokens",
            "token_count",
            "csrf_token",
            "has_password",
            "next_page_token",
            "key",
            "secretary",
            "username",
            "",
        ] {
            assert!(!is_secret_name(harmless), "{harmless}");
        }
    }
}
