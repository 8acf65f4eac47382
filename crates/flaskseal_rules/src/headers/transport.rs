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
