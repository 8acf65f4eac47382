//! Whether visitors come over HTTPS, as far as headers have to know.

use flaskseal_core::Evidence;
use flaskseal_project::Context;
use flaskseal_project::semantic::{Context as When, Fact};

use super::{front, talisman};
use crate::answer::runs;

/// What shows that TLS is spoken with visitors; `None` where nothing does.
pub(super) fn tls(cx: &Context<'_>) -> Option<Evidence> {
    if let Some(site) = front::tls(cx) {
        return Some(site);
    }
    if let Some(call) = talisman::bound(cx)
        && call.keyword("force_https").and_then(Fact::truth) != Some(false)
    {
        return Some(cx.evidence(call.span, "Talisman sends visitors to HTTPS"));
    }
    let sslify = cx.calls("headers.sslify").find(|call| call.context == When::Start && runs(&call.guard));
    sslify.map(|call| cx.evidence(call.span, "Flask-SSLify sends visitors to HTTPS"))
}

/// A `Strict-Transport-Security` header, taken apart.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Policy {
    /// Seconds.
    pub(super) max_age: Option<u64>,
    pub(super) include_subdomains: bool,
    pub(super) preload: bool,
}

impl Policy {
    /// By RFC 6797, section 6.1; `None` for what no browser accepts.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut policy = Self::default();
        for part in text.split(';') {
            let (name, value) =
                part.split_once('=').map_or((part, None), |(name, value)| (name, Some(value)));
            match (name.trim().to_ascii_lowercase().as_str(), value) {
                ("max-age", Some(value)) => {
                    policy.max_age = Some(value.trim().trim_matches('"').parse().ok()?);
                }
                ("includesubdomains", _) => policy.include_subdomains = true,
                ("preload", _) => policy.preload = true,
                _ => {}
            }
        }
        policy.max_age.is_some().then_some(policy)
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
        for wrong in
            ["", "includeSubDomains", "max-age=", "max-age=1 year", "max-age=31536000, includeSubDomains"]
        {
            assert_eq!(Policy::parse(wrong), None, "{wrong}");
        }
    }
}
