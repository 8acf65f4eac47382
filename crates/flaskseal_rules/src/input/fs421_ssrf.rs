//! FS421: the server fetches an URL, or connects to a host, that the client chooses.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Alphabet, Change, Fact, FactKind, Rope};

use super::NO_INJECTION;
use crate::Rule;
use crate::flow::{Breach, Flow, Found, flows, report, text, url};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(421),
    name: "ssrf",
    summary: "The server fetches an URL or connects to a host that the client chooses.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[918],
    owasp: Some("A10"),
    asvs: &["V1.3.6"],
    fix: FixAvailability::None,
    page: include_str!("fs421_ssrf.md"),
};

pub(crate) struct Ssrf;

impl Rule for Ssrf {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        for flow in flows(cx, &["url.fetch", "url.fetch-file", "url.curl"]) {
            let Some(rope) = flow.text() else { continue };
            found.extend(in_url(&flow, &rope));
        }
        for flow in flows(cx, &["host.connect"]) {
            let Some(rope) = host(flow.value) else { continue };
            let Some(hole) = rope.holes().next().filter(|_| rope.literal_prefix().is_empty()) else {
                continue;
            };
            let breaks = Alphabet::ascii_range(b'g', b'z').union(Alphabet::of(".:"));
            let breach =
                Breach::of(hole, "as the host to connect to", breaks, &["169.254.169.254"], Severity::High);
            found.extend(breach.map(|breach| flow.found(breach).advise(ADVICE)));
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}

const ADVICE: &str =
    "choose the host from a constant list, and put only the path or a parameter in from the request";

fn in_url<'p>(flow: &Flow<'p>, rope: &Rope) -> Vec<Found<'p>> {
    let reads_files = &*flow.sink.context == "url.fetch-file";
    let mut found = Vec::new();
    for (hole, place) in url::places(rope) {
        if hole.checks.host {
            continue;
        }
        // A beginning that the program asked for lets the client choose the rest: nothing is put behind anything.
        let is_whole = hole.origin.iter().any(|origin| {
            origin.changes().any(|one| matches!(one, Change::Between { prefix, .. } if !prefix.is_empty()))
        });
        if is_whole && matches!(place, url::Place::AfterSlash | url::Place::Path | url::Place::Query) {
            break;
        }
        let payload;
        let (at, breaks, payloads, severity): (_, _, &[&str], _) = match place {
            // Without a colon there is no scheme, and nothing is fetched.
            url::Place::Start if reads_files => {
                ("as the URL", Alphabet::of(":"), &["file:///etc/passwd"], Severity::Critical)
            }
            url::Place::Start => (
                "as the URL",
                Alphabet::of(":"),
                &["http://169.254.169.254/latest/meta-data/"],
                Severity::High,
            ),
            url::Place::Scheme(rest) => {
                payload = format!("{rest}169.254.169.254/");
                ("as the URL", Alphabet::of("/"), &[&payload], Severity::High)
            }
            url::Place::Host => (
                "as the host of an URL",
                Alphabet::ascii_range(b'g', b'z').union(Alphabet::of(".:/")),
                &["169.254.169.254/", "localhost"],
                Severity::High,
            ),
            url::Place::HostEnd => (
                "after a host without a slash",
                Alphabet::of(url::HOST_BREAKS),
                &["@169.254.169.254/", ".evil.example/"],
                Severity::High,
            ),
            url::Place::AfterSlash | url::Place::Path => (
                "in the path of an URL",
                Alphabet::of("/?#&\\"),
                &["../admin", "?x=1", "&x=1"],
                Severity::Low,
            ),
            url::Place::Query => ("in the query of an URL", Alphabet::of("#&"), &["x&a=1"], Severity::Low),
        };
        let breach = Breach::of(hole, at, breaks, payloads, severity);
        found.extend(breach.map(|breach| {
            let is_path = breach.place.starts_with("in the ");
            let advice = if is_path { "quote it: `urllib.parse.quote(value, safe=\"\")`" } else { ADVICE };
            flow.found(breach).advise(advice)
        }));
        // What follows the first free part is no worse.
        if !matches!(place, url::Place::Path | url::Place::Query) {
            break;
        }
    }
    found
}

/// The host of an address: `(host, port)`, or a name.
fn host(value: &Fact) -> Option<Rope> {
    match &value.kind {
        FactKind::Sequence { items, .. } => text(items.first()?),
        _ => text(value),
    }
}
