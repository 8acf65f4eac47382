//! `Strict-Transport-Security`, read as browsers do.

/// A header, taken apart.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    /// Seconds.
    pub max_age: u64,
    pub include_subdomains: bool,
    pub preload: bool,
}

/// What is wrong with a header, worst first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Defect {
    /// It protects too little to count.
    pub is_serious: bool,
    pub text: String,
}

/// Six months and a year, in seconds.
pub const SIX_MONTHS: u64 = 15_768_000;
const YEAR: u64 = 31_536_000;

impl Policy {
    /// By RFC 6797, section 6.1, and as Chromium reads it (`tests/chromium/hsts.rs`): what it does not know may be
    /// repeated. `None` for what browsers do not accept.
    pub fn parse(text: &str) -> Option<Self> {
        let (mut max_age, mut include_subdomains, mut preload) = (None, false, false);
        for directive in directives(text) {
            let (name, value) = match directive.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim())),
                None => (directive.trim(), None),
            };
            match (name.to_ascii_lowercase().as_str(), value) {
                ("max-age", Some(value)) if max_age.is_none() => max_age = Some(seconds(value)?),
                ("includesubdomains", None) if !include_subdomains => include_subdomains = true,
                ("max-age" | "includesubdomains", _) | ("", Some(_)) => return None,
                ("preload", None) => preload = true,
                _ => {}
            }
        }
        Some(Self { max_age: max_age?, include_subdomains, preload })
    }
}

/// Pieces between semicolons, but for those between quotation marks.
fn directives(text: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let mut is_escaped = false;
    text.split(move |character| {
        let is_end = character == ';' && !is_quoted;
        if character == '"' && !is_escaped {
            is_quoted = !is_quoted;
        }
        is_escaped = is_quoted && character == '\\' && !is_escaped;
        is_end
    })
}

/// Digits, with quotation marks or without; however many, they are an age.
fn seconds(value: &str) -> Option<u64> {
    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    let digits = quoted.unwrap_or(value);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// The worst that is wrong with a header.
pub fn defect(text: &str) -> Option<Defect> {
    let serious = |text: String| Some(Defect { is_serious: true, text });
    let slight = |text: String| Some(Defect { is_serious: false, text });
    let Some(policy) = Policy::parse(text) else {
        return serious(format!("browsers do not accept the HSTS header `{text}`"));
    };
    let age = policy.max_age;
    match age {
        0 => serious("`max-age=0` switches HSTS off".to_owned()),
        _ if age < SIX_MONTHS => serious(format!("HSTS ends after {} days", age / 86_400)),
        _ if policy.preload && (age < YEAR || !policy.include_subdomains) => {
            slight("`preload` needs `includeSubDomains` and a year".to_owned())
        }
        _ if age < YEAR => slight(format!("HSTS ends after {} days", age / 86_400)),
        _ if !policy.include_subdomains => slight("HSTS leaves subdomains out".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_needs_an_age() {
        let policy = Policy::parse("max-age=\"63072000\"; IncludeSubDomains; preload").expect("it is one");
        assert_eq!((policy.max_age, policy.include_subdomains, policy.preload), (63_072_000, true, true));
        for wrong in [
            "",
            "includeSubDomains",
            "max-age",
            "max-age=",
            "max-age=+5",
            "max-age=1 year",
            "max-age=31536000, includeSubDomains",
            "max-age=31536000; max-age=0",
            "max-age=31536000; includeSubDomains=true",
            "max-age=31536000; =",
        ] {
            assert_eq!(Policy::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn any_number_of_digits_is_an_age() {
        assert_eq!(Policy::parse(&format!("max-age={}", "9".repeat(40))).unwrap().max_age, u64::MAX);
    }
}
