//! Where in a URL something stands, from what is written before it.

/// The part of a URL that comes next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum UrlPlace {
    /// Nothing is before it: it decides the scheme.
    Start,
    /// After `https://` or `//`, before the host has ended.
    Host,
    Path,
    Query,
    Fragment,
    /// After `mailto:`, `tel:` and the like.
    Opaque,
    /// After `javascript:`, where a script begins.
    Script,
}

/// What comes after this text in a URL attribute.
pub(crate) fn place(before: &str) -> UrlPlace {
    let before = before.trim_start_matches(|c: char| c.is_whitespace() || c.is_control());
    if before.is_empty() {
        return UrlPlace::Start;
    }
    if before.contains('#') {
        return UrlPlace::Fragment;
    }
    if before.contains('?') {
        return UrlPlace::Query;
    }
    let scheme_end = before.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.'));
    let (scheme, rest) = match scheme_end.and_then(|end| before.split_at_checked(end)) {
        Some((scheme, rest)) if rest.starts_with(':') => (scheme, rest.strip_prefix(':').unwrap_or(rest)),
        _ => ("", before),
    };
    if scheme.eq_ignore_ascii_case("javascript") {
        return UrlPlace::Script;
    }
    match rest.strip_prefix("//") {
        Some(authority) if authority.contains('/') => UrlPlace::Path,
        Some(_) => UrlPlace::Host,
        None if scheme.is_empty() => UrlPlace::Path,
        None => UrlPlace::Opaque,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_before_tells_the_part() {
        for (before, expected) in [
            ("", UrlPlace::Start),
            (" \n", UrlPlace::Start),
            ("https://", UrlPlace::Host),
            ("//", UrlPlace::Host),
            ("https://shop.example", UrlPlace::Host),
            ("https://shop.example/", UrlPlace::Path),
            ("/user/", UrlPlace::Path),
            ("user-", UrlPlace::Path),
            ("?q=", UrlPlace::Query),
            ("/s?q=http://", UrlPlace::Query),
            ("#", UrlPlace::Fragment),
            ("mailto:", UrlPlace::Opaque),
            ("JavaScript:f('", UrlPlace::Script),
        ] {
            assert_eq!(place(before), expected, "{before}");
        }
    }
}
