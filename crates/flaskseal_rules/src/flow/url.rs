//! Where the holes of an URL stand.

use flaskseal_project::semantic::{Hole, Rope, Segment};

/// What a hole with request data decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// It is where the URL begins.
    Start,
    /// It goes on after a part of `http://`: with this rest of it, it decides the host.
    Scheme(&'static str),
    /// The host, or its beginning.
    Host,
    /// It follows a host to which it may add: `https://api.example` + text.
    HostEnd,
    /// Everything after `/`, where another `/` would begin a host.
    AfterSlash,
    /// The host is decided.
    Path,
    /// The query or the fragment.
    Query,
}

/// Every hole with request data, with its place.
pub(crate) fn places(rope: &Rope) -> Vec<(&Hole, Place)> {
    let mut before = String::new();
    let mut places = Vec::new();
    for segment in rope.segments() {
        match segment {
            Segment::Literal(text) => before.push_str(text),
            Segment::Hole(hole) => {
                if hole.origin.is_some() {
                    places.push((&**hole, place(&before)));
                }
                // What the program puts there stands for some text without a separator.
                before.push('x');
            }
        }
    }
    places
}

fn place(before: &str) -> Place {
    let before = before.trim_start();
    if before.is_empty() {
        return Place::Start;
    }
    if before == "/" {
        return Place::AfterSlash;
    }
    for (start, rest) in [
        ("http", "://"),
        ("https", "://"),
        ("http:", "//"),
        ("https:", "//"),
        ("http:/", "/"),
        ("https:/", "/"),
    ] {
        if before.eq_ignore_ascii_case(start) {
            return Place::Scheme(rest);
        }
    }
    let after_scheme = match before.split_once("://") {
        Some((scheme, rest)) if scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) => {
            rest
        }
        _ => match before.strip_prefix("//") {
            Some(rest) => rest,
            // A relative path, or the end of some other text.
            None if before.contains(['?', '#']) => return Place::Query,
            None => return Place::Path,
        },
    };
    if after_scheme.contains(['?', '#']) {
        return Place::Query;
    }
    if after_scheme.contains('/') {
        return Place::Path;
    }
    let host = after_scheme.rsplit('@').next().unwrap_or(after_scheme);
    if host.is_empty() { Place::Host } else { Place::HostEnd }
}

/// Characters that end or extend a host.
pub(crate) const HOST_BREAKS: &str = "@.:";

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use flaskseal_core::{FileId, Span};
    use flaskseal_project::semantic::{Alphabet, Origin, Source};

    use super::*;

    #[test]
    fn places_of_holes() {
        let tainted = || -> Rope {
            let origin = Arc::new(Origin::request("flask.request.args[\"u\"]", Span::new(FileId(0), 0, 0)));
            Hole { origin: Some(origin), ..Hole::new(Source::Unknown, Alphabet::ALL) }.into()
        };
        for (before, expected) in [
            ("", Place::Start),
            ("/", Place::AfterSlash),
            ("/user/", Place::Path),
            ("http", Place::Scheme("://")),
            ("https:", Place::Scheme("//")),
            ("httpd", Place::Path),
            ("http://", Place::Host),
            ("//", Place::Host),
            ("https://user:pw@", Place::Host),
            ("https://api.example", Place::HostEnd),
            ("https://api.example:", Place::HostEnd),
            ("https://api.example/", Place::Path),
            ("https://api.example?x=", Place::Query),
            ("page-", Place::Path),
        ] {
            let rope = Rope::concat([Rope::literal(before), tainted()]);
            assert_eq!(places(&rope)[0].1, expected, "{before}");
        }
    }
}
