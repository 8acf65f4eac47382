//! Ports as Compose and `docker run -p` write them: `[ADDRESS:][HOST:]CONTAINER[/PROTOCOL]`.

use flaskseal_core::Span;

use super::Published;

/// Reads the short form. None: it names no port at all.
pub(crate) fn published(text: &str, span: Span) -> Option<Published> {
    let (body, protocol) = match text.rsplit_once('/') {
        Some((body, protocol)) if !protocol.contains('}') => (body, protocol),
        _ => (text, ""),
    };
    let mut parts = split(body.trim());
    let container = parts.pop()?;
    if container.is_empty() {
        return None;
    }
    let host = parts.pop();
    let address = parts.join(":");
    let address = address.trim_start_matches('[').trim_end_matches(']');
    Some(Published {
        address: (!address.is_empty()).then(|| address.to_owned()),
        host: host.and_then(range),
        container: range(container),
        is_udp: protocol.eq_ignore_ascii_case("udp"),
        span,
    })
}

/// At colons, but not within `${...}`.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_u32, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b':' if depth == 0 => {
                parts.push(text.get(start..at).unwrap_or(""));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or(""));
    parts
}

/// `8000` or `8000-8010`.
pub(crate) fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once(['-', ':']).unwrap_or((text, text));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last && first > 0).then_some((first, last))
}

/// Whether an address is one that strangers reach. A name or a variable that the tree does not resolve is none.
pub(crate) fn is_public_address(address: &str) -> bool {
    let address = address.trim_start_matches('[').split(']').next().unwrap_or(address);
    if matches!(address, "0.0.0.0" | "::" | "*" | "") {
        return true;
    }
    match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(v4)) => {
            let is_shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || is_shared)
        }
        Ok(std::net::IpAddr::V6(v6)) => {
            let first = v6.segments()[0];
            !(v6.is_loopback() || first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80)
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use flaskseal_core::FileId;

    use super::*;

    #[test]
    fn forms_and_near_misses() {
        let read = |text: &str| {
            let port = published(text, Span::new(FileId(0), 0, 0)).unwrap();
            (port.address.clone(), port.host, port.container, port.is_public())
        };
        let here = |text: &str| Some(text.to_owned());
        assert_eq!(read("5432:5432"), (None, Some((5432, 5432)), Some((5432, 5432)), true));
        assert!(read("0.0.0.0:80:8000/tcp").3);
        assert_eq!(read("127.0.0.1:80:8000"), (here("127.0.0.1"), Some((80, 80)), Some((8000, 8000)), false));
        assert_eq!(read("127.0.0.1::8000"), (here("127.0.0.1"), None, Some((8000, 8000)), false));
        assert_eq!(read("[::1]:80:8000"), (here("::1"), Some((80, 80)), Some((8000, 8000)), false));
        assert_eq!(read("8000"), (None, None, Some((8000, 8000)), true));
        assert_eq!(read("9000-9002:9000-9002").1, Some((9000, 9002)));
        assert_eq!(read("${ADDRESS}:80:80"), (here("${ADDRESS}"), Some((80, 80)), Some((80, 80)), false));
        assert_eq!(read("${PORT:?set it}:80"), (None, None, Some((80, 80)), true));
        assert!(!read("10.0.0.5:6379:6379").3);
        assert!(!read("100.101.1.2:22:22").3);
        assert!(published("", Span::new(FileId(0), 0, 0)).is_none());
        assert!(published("53:53/udp", Span::new(FileId(0), 0, 0)).unwrap().is_udp);
    }
}
