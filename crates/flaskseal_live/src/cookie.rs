//! `Set-Cookie`, read as browsers do (RFC 6265bis, section 5.6).

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

impl Cookie {
    /// `None` for what browsers ignore: a cookie with neither name nor value, or with control characters.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 8192 || text.chars().any(|c| c.is_control() && c != '\t') {
            return None;
        }
        let mut parts = text.split(';');
        let pair = parts.next()?;
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() && value.is_empty() {
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
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
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
                    let digits = value.strip_prefix('-').unwrap_or(value);
                    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
                        let end = if value.starts_with('-') { i64::MIN } else { i64::MAX };
                        cookie.max_age = Some(value.parse().unwrap_or(end));
                    }
                }
                "expires" => cookie.expires = Some(value.to_owned()),
                _ => {}
            }
        }
        Some(cookie)
    }

    /// Seconds for which browsers keep it, of an answer with this `Date`; `None` until they are closed, or where dates
    /// cannot be read.
    pub fn lifetime(&self, date: Option<&str>) -> Option<u64> {
        // `Max-Age` counts before `Expires`.
        if let Some(age) = self.max_age {
            return u64::try_from(age).ok();
        }
        let now = httpdate::parse_http_date(date?).ok()?;
        let end = httpdate::parse_http_date(self.expires.as_deref()?).ok()?;
        end.duration_since(now).ok().map(|left| left.as_secs())
    }

    /// Whether the answer takes the cookie away: an empty value, or an end in the past.
    pub fn is_removal(&self) -> bool {
        let epoch = self.expires.as_deref().is_some_and(|date| date.contains("1970"));
        self.value.is_empty() || epoch || self.max_age.is_some_and(|age| age <= 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_in_any_case() {
        let cookie =
            Cookie::parse("__Host-session=a=b; SECURE; httponly ;Path=/; SameSite=lax; Max-Age=10").unwrap();
        assert_eq!((cookie.name.as_str(), cookie.value.as_str()), ("__Host-session", "a=b"));
        assert!(cookie.secure && cookie.http_only && !cookie.is_removal());
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
        assert!(Cookie::parse("a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT").unwrap().is_removal());
    }
}
