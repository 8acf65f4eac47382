//! FS307: an old key that is still accepted stands in the code.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, Redacted, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Fact, FactKind};

use super::KEY_FROM_OUTSIDE;
use super::key::key_bytes;
use crate::Rule;
use crate::secret::{Weakness, weakness};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(307),
    name: "exposed-fallback-key",
    summary: "An old key listed for verification is weak or hard-coded (Flask ≥ 3.1).",
    severity: Severity::High,
    confidence: Confidence::Certain,
    controls: &[KEY_FROM_OUTSIDE],
    layers: &[Layer::Source, Layer::Deps],
    cwe: &[321, 324],
    owasp: Some("A02"),
    asvs: &["V13.3.4"],
    fix: FixAvailability::None,
    page: include_str!("fs307_exposed_fallback_key.md"),
};

pub(crate) struct ExposedFallbackKey;

impl Rule for ExposedFallbackKey {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        // Older versions do not know the setting.
        if cx.project.flask_version().is_some_and(|version| version < (3, 1)) {
            return;
        }
        let Some(setting) = cx.setting("SECRET_KEY_FALLBACKS") else { return };
        let lists = setting.value.alternatives().into_iter().filter(|(_, guard)| guard.holds_by_default());
        for (list, _) in lists {
            let FactKind::Sequence { items, .. } = &list.kind else { continue };
            let entries =
                items.iter().flat_map(Fact::alternatives).filter(|(_, guard)| guard.holds_by_default());
            for (entry, _) in entries {
                let Some(key) = key_bytes(entry).filter(|key| !key.is_empty()) else { continue };
                let Some(at) = entry.at.or(list.at).or_else(|| setting.written.first().copied()) else {
                    continue;
                };
                let severity = match weakness(&key) {
                    Some(Weakness::Public | Weakness::Guessable) => Severity::Critical,
                    _ => Severity::High,
                };
                let claim = format!("an old key: {}", Redacted::new(&String::from_utf8_lossy(&key)));
                let message = "`SECRET_KEY_FALLBACKS` accepts a key that stands in the code";
                out.fail(
                    Finding::new(META.id, severity, META.confidence, cx.evidence(at, claim), message)
                        .with_redacted([cx.inside_quotes(at)])
                        .with_fix(Fix::advice(
                            "remove the entry: whoever has the code can sign sessions with it",
                        )),
                );
            }
        }
    }
}
