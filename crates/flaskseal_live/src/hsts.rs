//! `Strict-Transport-Security`, read as browsers do.

/// A header, taken apart.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    /// Seconds.
    pub max_age: Option<u64>,
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
    /// By RFC 6797, section 6.1; `None` for what no browser accepts.
    pub fn parse(text: &str) -> Option<Self> {
        let mut policy = Self::default();
        let mut seen: Vec<String> = Vec::new();
        for part in text.split(';') {
            let (name, value) =
                part.split_once('=').map_or((part, None), |(name, value)| (name, Some(value)));
            let name = name.trim().to_ascii_lowercase();
            // All directives must appear only once.
            if !name.is_empty() && seen.contains(&name) {
                return None;
            }
            match (name.as_str(), value) {
                ("max-age", Some(value)) => {
                    let value = value.trim();
                    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
                    let digits = quoted.unwrap_or(value);
                    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                        return None;
                    }
                    policy.max_age = Some(digits.parse().unwrap_or(u64::MAX));
                }
                ("max-age", None) => return None,
                ("includesubdomains", _) => policy.include_subdomains = true,
                ("preload", _) => policy.preload = true,
                _ => {}
            }
            seen.push(name);
        }
        policy.max_age.is_some().then_some(policy)
    }
}

/// The worst that is wrong with a header.
pub fn defect(text: &str) -> Option<Defect> {
    let serious = |text: String| Some(Defect { is_serious: true, text });
    let slight = |text: String| Some(Defect { is_serious: false, text });
    let Some(policy) = Policy::parse(text) else {
        return serious(format!("browsers do not accept the HSTS header `{text}`"));
    };
    let age = policy.max_age?;
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
        assert_eq!(
            (policy.max_age, policy.include_subdomains, policy.preload),
            (Some(63_072_000), true, true)
        );
        for wrong in [
            "",
            "includeSubDomains",
            "max-age",
            "max-age=",
            "max-age=+5",
            "max-age=1 year",
            "max-age=31536000, includeSubDomains",
            "max-age=31536000; max-age=0",
        ] {
            assert_eq!(Policy::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn any_number_of_digits_is_an_age() {
        assert_eq!(Policy::parse(&format!("max-age={}", "9".repeat(40))).unwrap().max_age, Some(u64::MAX));
    }
}
