//! `Set-Cookie`, read as browsers do (RFC 6265bis, section 5.6), and what they refuse (5.7). Chromium gives a second
//! opinion in `tests/chromium/cookies.rs`.

use url::{Host, Url};

use crate::cookie_date;

/// A cookie that an answer sets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cookie {
    pub name: String,
    pub value: String,
    pub secure: bool,
    pub http_only: bool,
    /// `None` where the attribute is absent or says nothing that browsers know.
    pub same_site: Option<SameSite>,
    /// Without the leading dot, in lower case; `None` for the host alone.
    pub domain: Option<String>,
    pub path: Option<String>,
    /// Seconds, where `Max-Age` says so.
    pub max_age: Option<i64>,
    /// As it was written.
    pub expires: Option<String>,
    pub partitioned: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SameSite {
    Strict,
    Lax,
    None,
}

/// Why browsers do not keep a cookie. The texts are clauses for people.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    #[error("it is Secure, and is set over plain HTTP")]
    InsecureOrigin,
    #[error("it has SameSite=None without Secure")]
    InsecureCrossSite,
    #[error("it is Partitioned without Secure")]
    InsecurePartition,
    #[error("its Domain is another site's")]
    ForeignDomain,
    #[error("its Domain is a public suffix")]
    PublicSuffix,
    #[error("its name promises Secure")]
    PromisedSecure,
    #[error("its name promises Path=/ and no Domain")]
    PromisedHost,
    #[error("its name promises HttpOnly")]
    PromisedHttpOnly,
}

/// Bytes of name and value together, and of the value of an attribute, that browsers take.
const MAX_PAIR: usize = 4096;
const MAX_ATTRIBUTE: usize = 1024;
/// Seconds after which browsers forget any cookie: 400 days (RFC 6265bis, section 5.5).
const MAX_LIFETIME: i64 = 400 * 86_400;
/// A moment that has passed, for answers that say nothing of today: 2026-01-01.
const PASSED: i64 = 1_767_225_600;

impl Cookie {
    /// `None` for what browsers ignore, whoever sends it: neither name nor value, control characters, too much of it.
    pub fn parse(text: &str) -> Option<Self> {
        // Tabs are blanks around names and values, and control characters inside.
        let is_control = |c: char| c.is_ascii_control() && c != '\t';
        if text.contains(is_control) || text.split([';', '=']).any(|part| trimmed(part).contains('\t')) {
            return None;
        }
        let mut parts = text.split(';');
        let pair = parts.next()?;
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        let (name, value) = (trimmed(name), trimmed(value));
        // Sent back, it would be read as a cookie with a name.
        let is_disguised = name.is_empty() && (value.contains('=') || !Promise::of(value).is_empty());
        if name.is_empty() && value.is_empty() || is_disguised || name.len() + value.len() > MAX_PAIR {
            return None;
        }
        let mut cookie = Self {
            name: name.to_owned(),
            value: value.to_owned(),
            secure: false,
            http_only: false,
            same_site: None,
            domain: None,
            path: None,
            max_age: None,
            expires: None,
            partitioned: false,
        };
        // The last attribute of a name counts.
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = trimmed(value);
            if value.len() > MAX_ATTRIBUTE {
                continue;
            }
            match trimmed(name).to_ascii_lowercase().as_str() {
                "secure" => cookie.secure = true,
                "httponly" => cookie.http_only = true,
                "partitioned" => cookie.partitioned = true,
                "samesite" => {
                    cookie.same_site = match value.to_ascii_lowercase().as_str() {
                        "strict" => Some(SameSite::Strict),
                        "lax" => Some(SameSite::Lax),
                        "none" => Some(SameSite::None),
                        _ => None,
                    };
                }
                "domain" => {
                    let domain = value.strip_prefix('.').unwrap_or(value).to_ascii_lowercase();
                    cookie.domain = (!domain.is_empty()).then_some(domain);
                }
                "path" => cookie.path = value.starts_with('/').then(|| value.to_owned()),
                "max-age" => {
                    // Chromium takes a `+`, which the standard does not know.
                    let digits = value.strip_prefix(['-', '+']).unwrap_or(value);
                    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
                    let end = if value.starts_with('-') { i64::MIN } else { i64::MAX };
                    cookie.max_age = is_number.then(|| value.parse().unwrap_or(end));
                }
                "expires" => cookie.expires = Some(value.to_owned()),
                _ => {}
            }
        }
        Some(cookie)
    }

    /// Why browsers do not keep it, where an answer from this address sets it.
    pub fn refusal(&self, url: &Url) -> Option<Refusal> {
        let host = url.host_str().unwrap_or_default();
        if self.secure && !is_trustworthy(url) {
            return Some(Refusal::InsecureOrigin);
        }
        if self.same_site == Some(SameSite::None) && !self.secure {
            return Some(Refusal::InsecureCrossSite);
        }
        if self.partitioned && !self.secure {
            return Some(Refusal::InsecurePartition);
        }
        if let Some(domain) = &self.domain
            && domain != host
        {
            let is_above = host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'));
            if !is_above || !matches!(url.host(), Some(Host::Domain(_))) {
                return Some(Refusal::ForeignDomain);
            }
            if is_public_suffix(domain) {
                return Some(Refusal::PublicSuffix);
            }
        }
        Promise::of(&self.name).iter().find_map(|promise| promise.is_broken(self))
    }

    /// Seconds for which browsers keep it, of an answer with this `Date`; `None` until they are closed, or where dates
    /// cannot be read.
    pub fn lifetime(&self, date: Option<&str>) -> Option<u64> {
        let left = match self.max_age {
            // `Max-Age` counts before `Expires`.
            Some(age) => age,
            None => self.end()?.saturating_sub(cookie_date::seconds(date?)?),
        };
        u64::try_from(left.min(MAX_LIFETIME)).ok()
    }

    /// Whether its end has passed when an answer with this `Date` sets it, so that it takes a cookie away.
    pub fn is_over(&self, date: Option<&str>) -> bool {
        match self.max_age {
            Some(age) => age <= 0,
            None => {
                let now = date.and_then(cookie_date::seconds).unwrap_or(PASSED);
                self.end().is_some_and(|end| end <= now)
            }
        }
    }

    fn end(&self) -> Option<i64> {
        cookie_date::seconds(self.expires.as_deref()?)
    }
}

/// What a name promises by its prefix; browsers refuse cookies that do not keep it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Promise {
    Secure,
    Host,
    Http,
}

impl Promise {
    fn of(name: &str) -> &'static [Self] {
        const PREFIXES: [(&str, &[Promise]); 4] = [
            ("__host-http-", &[Promise::Secure, Promise::Host, Promise::Http]),
            ("__host-", &[Promise::Secure, Promise::Host]),
            ("__secure-", &[Promise::Secure]),
            ("__http-", &[Promise::Secure, Promise::Http]),
        ];
        let lower = name.to_ascii_lowercase();
        let found = PREFIXES.iter().find(|(prefix, _)| lower.starts_with(prefix));
        found.map_or(&[], |(_, promises)| promises)
    }

    fn is_broken(self, cookie: &Cookie) -> Option<Refusal> {
        let is_kept = match self {
            Self::Secure => cookie.secure,
            Self::Host => cookie.domain.is_none() && cookie.path.as_deref() == Some("/"),
            Self::Http => cookie.http_only,
        };
        (!is_kept).then_some(match self {
            Self::Secure => Refusal::PromisedSecure,
            Self::Host => Refusal::PromisedHost,
            Self::Http => Refusal::PromisedHttpOnly,
        })
    }
}

/// Whether anybody can have a name below this one, as below `co.uk` and `herokuapp.com`: by the Public Suffix List.
pub fn is_public_suffix(domain: &str) -> bool {
    psl::suffix_str(domain) == Some(domain)
}

/// Whether browsers take `Secure` from there: over TLS, and from the same machine.
fn is_trustworthy(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || is_here
}

/// Without the blanks that the standard knows.
fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_in_any_case() {
        let cookie =
            Cookie::parse("__Host-session=a=b; SECURE; httponly ;Path=/; SameSite=lax; Max-Age=10").unwrap();
        assert_eq!((cookie.name.as_str(), cookie.value.as_str()), ("__Host-session", "a=b"));
        assert!(cookie.secure && cookie.http_only && !cookie.is_over(None));
        assert_eq!((cookie.same_site, cookie.max_age), (Some(SameSite::Lax), Some(10)));
    }

    #[test]
    fn a_lifetime_is_an_age_or_ends_on_a_day() {
        let lifetime =
            |text: &str| Cookie::parse(text).unwrap().lifetime(Some("Wed, 25 Nov 2026 05:00:00 GMT"));
        assert_eq!(lifetime("a=1; Expires=Thu, 26 Nov 2026 05:00:00 GMT"), Some(86_400));
        assert_eq!(lifetime("a=1; Expires=Thu, 26-Nov-26 05:00:00 GMT; Max-Age=60"), Some(60));
        for none in
            ["a=1", "a=1; Expires=soon", "a=1; Expires=Tue, 24 Nov 2026 05:00:00 GMT", "a=1; Max-Age=-5"]
        {
            assert_eq!(lifetime(none), None, "{none}");
        }
    }

    #[test]
    fn what_browsers_do_not_know_is_absent() {
        let cookie =
            Cookie::parse("a=1; SameSite=Sometimes; Domain=.Example.org; Path=x; Max-Age=1h").unwrap();
        assert_eq!((cookie.same_site, cookie.path, cookie.max_age), (None, None, None));
        assert_eq!(cookie.domain.as_deref(), Some("example.org"));
        assert!(Cookie::parse("=; Secure").is_none() && Cookie::parse("a=\u{0}").is_none());
        assert!(Cookie::parse("a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT").unwrap().is_over(None));
    }
}
