//! FS521: browsers may come back over plain HTTP.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::{Exchange, Live, Purpose};
use flaskseal_project::Context;

use super::effective::{Coverage, Headers};
use super::{TRANSPORT, talisman, transport};
use crate::{Rule, served};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(521),
    name: "missing-hsts",
    summary: "Responses over HTTPS do not tell browsers to stay there.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[TRANSPORT],
    layers: &[Layer::Source, Layer::Deploy, Layer::Live],
    cwe: &[319, 523],
    owasp: Some("A02"),
    asvs: &["V3.4.1"],
    fix: FixAvailability::None,
    page: include_str!("fs521_missing_hsts.md"),
};

pub(crate) struct MissingHsts;

const ADVICE: &str =
    "send `Strict-Transport-Security: max-age=31536000; includeSubDomains` once every subdomain speaks HTTPS";

impl Rule for MissingHsts {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if cx.app.is_none() {
            let gap = Gap::new("no Flask application was found", "name it with `--entry MODULE:CALLABLE`");
            return out.gap(TRANSPORT, gap);
        }
        let headers = Headers::of(cx);
        let some = match headers.coverage("strict-transport-security") {
            Coverage::All(set) => {
                let claim = format!("{} sends HSTS with what goes over HTTPS", set[0].by);
                return out.support(TRANSPORT, headers.evidence(set[0], claim));
            }
            Coverage::Unknown(gap) => return out.gap(TRANSPORT, gap),
            Coverage::Some(set) => set.first().copied(),
            Coverage::Missing => None,
        };
        let Some(tls) = transport::tls(cx) else {
            let remedy = "scan it together with the proxy's configuration";
            return out.gap(TRANSPORT, Gap::new("nothing in the tree says where TLS ends", remedy));
        };
        let (place, message) = match (some, talisman::bound(cx)) {
            (Some(header), _) => {
                (headers.evidence(header, "set for some responses"), "most responses lack HSTS")
            }
            (None, Some(call)) => {
                (cx.evidence(call.span, "Talisman is told to send none"), "responses over HTTPS lack HSTS")
            }
            (None, None) => {
                let place =
                    Evidence { claim: "nothing sets `Strict-Transport-Security`".to_owned(), ..tls.clone() };
                (place, "responses over HTTPS lack HSTS")
            }
        };
        let trail = (tls.span != place.span).then_some(tls);
        out.fail(
            Finding::new(META.id, META.severity, META.confidence, place, message)
                .with_trail(trail)
                .with_fix(Fix::advice(ADVICE)),
        );
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        let answers: Vec<&Exchange> =
            live.ordinary().filter(|answer| answer.is_https() && answer.status < 500).collect();
        let Some(first) = answers.first() else { return };
        if !matches!(first.url.host(), Some(url::Host::Domain(_))) {
            let reason = "browsers remember HSTS for names alone, and the site was asked by its address";
            return out.gap(TRANSPORT, Gap::new(reason, "name the site by its host name"));
        }
        let name = "strict-transport-security";
        let bare: Vec<&Exchange> =
            answers.iter().copied().filter(|answer| answer.header(name).is_none()).collect();
        // One page with the header is enough for browsers, and visitors begin at the start.
        if let Some(header) = first.header(name) {
            return out.support(TRANSPORT, live.at(first, header, "answers over HTTPS carry HSTS"));
        }
        let Some((place, others)) = served::lacking(live, &bare, "no `Strict-Transport-Security`") else {
            return;
        };
        let over_http = live.of(Purpose::Plain).find_map(|answer| Some((answer, answer.header(name)?)));
        let message = if over_http.is_some() {
            "HSTS is sent over plain HTTP alone, where browsers ignore it"
        } else {
            "responses over HTTPS lack HSTS"
        };
        let vain = over_http.map(|(answer, header)| live.at(answer, header, "ignored here"));
        let finding = Finding::new(META.id, META.severity, Confidence::Certain, place, message);
        out.fail(finding.with_trail(vain.into_iter().chain(others)).with_fix(Fix::advice(ADVICE)));
    }
}
