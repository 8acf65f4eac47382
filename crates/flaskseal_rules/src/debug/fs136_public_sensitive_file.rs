//! FS136: a running site serves files that must stay private.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::listed::{Find, is_listing, is_source_map};
use flaskseal_live::{Live, Purpose};
use flaskseal_project::Context;

use super::NO_DIAGNOSTICS;
use crate::{Rule, served};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(136),
    name: "public-sensitive-file",
    summary: "A running site serves files that must stay private.",
    severity: Severity::Critical,
    confidence: Confidence::Certain,
    controls: &[NO_DIAGNOSTICS],
    layers: &[Layer::Live],
    cwe: &[538, 552],
    owasp: Some("A01"),
    asvs: &["V13.4.1", "V13.4.7"],
    fix: FixAvailability::None,
    page: include_str!("fs136_public_sensitive_file.md"),
};

pub(crate) struct PublicSensitiveFile;

impl Rule for PublicSensitiveFile {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        for (answer, listed) in served::listed(live) {
            let (severity, message) = match listed.find {
                Find::Private => {
                    (Severity::Critical, format!("`{}` is served: {}", listed.path, listed.what))
                }
                Find::Telling => (Severity::Low, format!("`{}` is served: {}", listed.path, listed.what)),
                Find::Listing => (Severity::Medium, format!("`{}` lists what is in it", listed.path)),
                Find::Debugger | Find::Internals | Find::Tool | Find::Admin => continue,
            };
            // What it holds is nobody's business here either.
            let place = live.answer(answer, "its content is what the name promises");
            let advice = "serve a folder that holds nothing else than what is public; `autoindex off`";
            let finding = Finding::new(META.id, severity, META.confidence, place, message);
            out.fail(finding.with_scope(listed.path).with_fix(Fix::advice(advice)));
        }
        let maps = live.of(Purpose::SourceMap).filter(|map| map.status == 200);
        for map in maps.filter(|map| is_source_map(&map.body, &map.media_type())) {
            let message = format!("`{}` is served: it maps a script to its source", map.url.path());
            let place = live.answer(map, "a source map");
            let finding = Finding::new(META.id, Severity::Low, META.confidence, place, message);
            let advice = Fix::advice("build without source maps, or keep them off the server");
            out.fail(finding.with_scope(map.url.path()).with_fix(advice));
        }
        for answer in live.ordinary().filter(|answer| is_listing(&answer.body, &answer.media_type())) {
            let message = format!("`{}` lists what is in it", answer.url.path());
            let finding = Finding::new(
                META.id,
                Severity::Medium,
                META.confidence,
                live.answer(answer, "the index of a folder"),
                message,
            );
            out.fail(finding.with_fix(Fix::advice("switch it off: `autoindex off` in nginx")));
        }
        let asked = live.of(Purpose::Listed).count();
        if let Some(start) = live.start().filter(|_| served::is_list_asked(live) && out.findings.is_empty()) {
            let claim = format!("{asked} addresses that must not answer do not");
            out.support(NO_DIAGNOSTICS, live.answer(start, claim));
        }
    }
}
