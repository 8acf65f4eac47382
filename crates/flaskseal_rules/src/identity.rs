//! Who is logged in: the calls that say so, the session's keys that hold it, and the functions that log in and out.

use std::sync::Arc;

use flaskseal_core::Span;
use flaskseal_project::Context;
use flaskseal_project::semantic::{Event, Fact, FactKind, OriginKind, Rope, Source};

/// A write to the session: one key, one value.
pub(crate) struct Write<'p> {
    pub(crate) call: &'p Event,
    /// The key, where it is known.
    pub(crate) key: Option<&'p str>,
    /// The expression that is the key; `None` for a keyword.
    pub(crate) key_value: Option<&'p Fact>,
    pub(crate) value: &'p Fact,
}

/// Every write to the session that says which key: items, `setdefault`, `update({...})`, `update(key=...)`.
pub(crate) fn writes<'p>(cx: &Context<'p>) -> Vec<Write<'p>> {
    let write = |call, key: &'p Fact, value| Write { call, key: key.as_str(), key_value: Some(key), value };
    let mut writes = Vec::new();
    for call in cx.calls("session.write") {
        match call.positional.as_slice() {
            [key, value] => writes.push(write(call, key, value)),
            [Fact { kind: FactKind::Dict { entries, .. }, .. }] => {
                writes.extend(entries.iter().map(|(key, value)| write(call, key, value)));
            }
            _ => {}
        }
        let keywords = call.keywords.iter();
        writes.extend(keywords.map(|(key, value)| Write {
            call,
            key: Some(key.as_str()),
            key_value: None,
            value,
        }));
    }
    writes
}

/// A login that is remembered beyond the session, or may be.
pub(crate) fn remembering_login<'p>(cx: &Context<'p>) -> Option<&'p Event> {
    cx.calls("login.user").find(|call| {
        call.argument(1, "remember").is_some_and(|remember| remember.by_default().truth() != Some(false))
    })
}

/// Whether a session key says who somebody is or what they may do.
pub(crate) fn is_identity_key(key: &str) -> bool {
    const KEYS: &[&str] = &[
        "accountid",
        "admin",
        "authenticated",
        "auth",
        "currentuser",
        "group",
        "groups",
        "isadmin",
        "isauthenticated",
        "isloggedin",
        "isstaff",
        "issuperuser",
        "loggedin",
        "loggedinuser",
        "loggeduser",
        "login",
        "permission",
        "permissions",
        "privilege",
        "privileges",
        "role",
        "roles",
        "uid",
        "user",
        "userid",
        "username",
        "userrole",
        "uname",
        "usr",
        "customerid",
        "memberid",
    ];
    let reduced: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    KEYS.contains(&reduced.to_ascii_lowercase().as_str())
}

/// Whether a function logs somebody out, by its name or its routes.
pub(crate) fn is_logout(cx: &Context<'_>, qualified_name: &str, function: Span) -> bool {
    let names = ["logout", "signout", "logoff"];
    is_named(cx, qualified_name, function, &names)
}

/// Whether a function logs somebody in, by its name or its routes.
pub(crate) fn is_login(cx: &Context<'_>, qualified_name: &str, function: Span) -> bool {
    let names =
        ["login", "signin", "logon", "authenticate", "authorize", "authorized", "callback", "dologin"];
    is_named(cx, qualified_name, function, &names) && !is_logout(cx, qualified_name, function)
}

fn is_named(cx: &Context<'_>, qualified_name: &str, function: Span, names: &[&str]) -> bool {
    let reduced = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
    };
    let name = reduced(qualified_name.rsplit('.').next().unwrap_or_default());
    if names.iter().any(|known| name.starts_with(known) || name.ends_with(known)) {
        return true;
    }
    cx.routes_of(function).any(|route| {
        let rule = route.rule.as_str().unwrap_or_default();
        rule.split('/').any(|part| names.contains(&reduced(part).as_str()))
    })
}

/// The words of an identifier: `accessToken`, `access_token` and `access-token` have the same two.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut previous = '_';
    for character in name.chars() {
        let begins =
            !previous.is_ascii_alphanumeric() || (character.is_uppercase() && previous.is_lowercase());
        if character.is_ascii_alphanumeric() {
            let lower = character.to_ascii_lowercase();
            match words.last_mut() {
                Some(word) if !begins => word.push(lower),
                _ => words.push(lower.to_string()),
            }
        }
        previous = character;
    }
    words
}

/// Where in the request a value comes from, if it does: `flask.request.form["q"]`. What came through a call that is
/// not understood does not count: `login(request.form["name"])` may well check it.
pub(crate) fn request_source(value: &Fact) -> Option<Arc<str>> {
    let origin = value.origin()?;
    (origin.kind == OriginKind::Request && origin.hops == 0).then(|| origin.input.clone())
}

/// The access paths of library values that a value is made of.
pub(crate) fn paths(value: &Fact) -> Vec<&str> {
    fn of_rope<'p>(rope: &'p Rope, found: &mut Vec<&'p str>) {
        found.extend(rope.holes().filter_map(|hole| match &hole.source {
            Source::Path(path) => Some(&**path),
            _ => None,
        }));
    }
    fn collect<'p>(value: &'p Fact, found: &mut Vec<&'p str>) {
        match &value.kind {
            FactKind::Path(path) => found.push(path),
            FactKind::Str(rope) | FactKind::EncodedText(rope) => of_rope(rope, found),
            FactKind::OneOf(alternatives) => alternatives.iter().for_each(|(value, _)| collect(value, found)),
            FactKind::Sequence { items, .. } => items.iter().for_each(|item| collect(item, found)),
            FactKind::Dict { entries, .. } => entries.iter().for_each(|(_, value)| collect(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(value, &mut found);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_fall_into_words() {
        assert_eq!(words("access_token"), ["access", "token"]);
        assert_eq!(words("accessToken"), ["access", "token"]);
        assert_eq!(words("CSRF-Token2"), ["csrf", "token2"]);
    }

    #[test]
    fn identity_keys_are_known_in_every_spelling() {
        assert!(is_identity_key("user_id") && is_identity_key("isAdmin") && is_identity_key("userid"));
        assert!(!is_identity_key("user_theme") && !is_identity_key("basket"));
    }
}
