//! FS426: the Host header, which the client sets, is used to build links.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::{Live, Purpose};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Alphabet, FactKind, Hole, Origin};

use super::NO_INJECTION;
use crate::flow::{Breach, flows, input, report, text};
use crate::session::coverage::support_by_coverage;
use crate::{Rule, served};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(426),
    name: "trusted-host-header",
    summary: "The Host header, which the client sets, is used to build links or to decide.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source, Layer::Live],
    cwe: &[644, 346],
    owasp: Some("A03"),
    asvs: &["V4.1.3"],
    fix: FixAvailability::None,
    page: include_str!("fs426_trusted_host_header.md"),
};

pub(crate) struct TrustedHostHeader;

impl Rule for TrustedHostHeader {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let is_restricted =
            !matches!(cx.setting_by_default("TRUSTED_HOSTS").kind, FactKind::Absent | FactKind::None);
        let mut found = Vec::new();
        let mails = ["mail.html", "mail.link", "mail.message"];
        for flow in flows(cx, &["mail.html", "mail.link", "mail.message", "redirect"]) {
            if is_restricted {
                break;
            }
            let Some(rope) = text(flow.value) else { continue };
            let is_mail = mails.contains(&&*flow.sink.context);
            let severity = if is_mail { Severity::Medium } else { Severity::Low };
            let place = if is_mail { "as a link in a mail" } else { "as the host to go to" };
            for hole in rope.holes().filter(|hole| is_host(hole)) {
                let breach = Breach::of(hole, place, Alphabet::of("."), &["evil.example"], severity);
                found.extend(breach.map(|breach| {
                    flow.found(breach).advise("set `TRUSTED_HOSTS`, or build links from a constant name")
                }));
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        let Some(place) = served::reflected(live, (Purpose::ForeignHost, "host"), &served::is_of_host) else {
            return;
        };
        let message = "links and redirects of the running site lead to any host that a client names";
        let advice = "refuse hosts that are not the site's: `TRUSTED_HOSTS` (Flask 3.1), and a default server that answers 444";
        let finding = Finding::new(META.id, META.severity, Confidence::Certain, place, message);
        out.fail(finding.with_fix(Fix::advice(advice)));
    }
}

fn is_host(hole: &Hole) -> bool {
    let of = |origin: &Origin| {
        matches!(input::parts(&origin.input), ("host" | "host_url" | "root_url" | "url_root", _))
            || matches!(input::parts(&origin.input), ("headers", Some(name)) if name.eq_ignore_ascii_case("host"))
    };
    hole.origin.as_deref().is_some_and(of)
}
