//! Whether a pattern for the header `Origin` or `Referer` lets sites in that belong to somebody else.

use flaskseal_project::deploy::nginx::{Alternative, Characters, Pattern};

/// What is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Header {
    /// A scheme, a host and perhaps a port; never a path.
    Origin,
    /// A whole address.
    Referer,
    /// An address without its scheme, as `valid_referers` compares it.
    RefererHost,
}

/// Why a foreign site matches, as a clause: "`https://evil.example` ... ". None: only the named hosts match.
pub(super) fn foreign(pattern: &Pattern, header: Header) -> Option<&'static str> {
    pattern.alternatives().iter().find_map(|alternative| of_alternative(alternative, header))
}

fn of_alternative(alternative: &Alternative, header: Header) -> Option<&'static str> {
    let parts = &alternative.parts;
    let only: Vec<Option<u8>> = parts.iter().map(|set| set.only()).collect();
    let scheme = only.windows(3).position(|three| three == [Some(b':'), Some(b'/'), Some(b'/')]);
    let start = match scheme {
        Some(at) => at + 3,
        // `//shop.example` without its scheme.
        None if only.starts_with(&[Some(b'/'), Some(b'/')]) => 2,
        None => 0,
    };
    let is_referer = header != Header::Origin;
    if header != Header::RefererHost
        && start == 0
        && alternative.is_held_at_start
        && only.first().is_some_and(Option::is_some)
    {
        // No such header begins like that.
        return None;
    }
    let rest = only.get(start..).unwrap_or_default();
    let end = rest.iter().position(|one| matches!(one, Some(b'/' | b':' | b'?' | b'#')));
    let host = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
    if end.is_none() && !alternative.is_held_at_end {
        return Some("nothing ends the name: `shop.example.evil.example` matches as well");
    }
    if !alternative.is_held_at_start && is_referer {
        return Some("it may stand anywhere in the address, such as in the query of a foreign page");
    }
    if start == 0 && !alternative.is_held_at_start && host.first() != Some(&Some(b'.')) {
        return Some("nothing begins the name: `evilshop.example` matches as well");
    }
    let sets = parts.get(start..start + host.len()).unwrap_or_default();
    if is_referer && sets.iter().any(|set: &Characters| set.only().is_none() && set.contains(b'/')) {
        return Some("a wildcard may hold a slash, so that the name may stand in the path of a foreign page");
    }
    // The last two labels are what somebody registers.
    let dots: Vec<usize> = (0..host.len()).filter(|at| host.get(*at) == Some(&Some(b'.'))).collect();
    let from = dots.len().checked_sub(2).and_then(|index| dots.get(index)).map_or(0, |dot| dot + 1);
    let registered = host.get(from..).unwrap_or_default();
    if registered.iter().any(Option::is_none) {
        return Some(
            "a dot without a backslash, or a wildcard, stands in the name that somebody can register",
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_foreign(text: &str, header: Header) -> bool {
        foreign(&Pattern::new(text, true), header).is_some()
    }

    #[test]
    fn origins() {
        for good in [
            r"^https://shop\.example$",
            r"^https?://(www\.)?shop\.example$",
            r"^https://([^.]+\.)*shop\.example$",
            r"^https://.*\.shop\.example(:\d+)?$",
            r"^https?://(localhost|127\.0\.0\.1)(:[0-9]+)?$",
            r"https://shop\.example$",
            r"\.shop\.example$",
            r"(https?://[^/]*\.shop\.example(:[0-9]+)?)$",
            r"^https://shop\.(example|test)$",
        ] {
            assert!(!is_foreign(good, Header::Origin), "{good}");
        }
        for bad in [
            r"^https://shop\.example",
            r"shop\.example$",
            r"^https://.*shop\.example$",
            r"^https://www.shop.example$",
            r"^https?://",
            r"^https://shop\.[a-z]+$",
            r"^https://shop\.example|^https://other\.example$",
            r".*",
        ] {
            assert!(is_foreign(bad, Header::Origin), "{bad}");
        }
    }

    #[test]
    fn referers() {
        for good in [
            r"^https://shop\.example/",
            r"^https?://([a-z]+\.)?shop\.example(/|$)",
            r"^https://shop\.example:443/",
        ] {
            assert!(!is_foreign(good, Header::Referer), "{good}");
        }
        for bad in [
            r"shop\.example",
            r"https://shop\.example/",
            r"^https://.*\.shop\.example/",
            r"^https://shop\.example",
        ] {
            assert!(is_foreign(bad, Header::Referer), "{bad}");
        }
    }
}
