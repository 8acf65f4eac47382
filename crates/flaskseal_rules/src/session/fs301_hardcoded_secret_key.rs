//! FS301: SECRET_KEY is a literal that everybody with the code can read.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, Redacted, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Fact, FactKind};

use super::KEY_FROM_OUTSIDE;
use crate::Rule;
use crate::secret::{Weakness, weakness};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(301),
    name: "hardcoded-secret-key",
    summary: "SECRET_KEY is a literal in code or in a tracked file that production loads.",
    severity: Severity::High,
    confidence: Confidence::Certain,
    controls: &[KEY_FROM_OUTSIDE],
    layers: &[Layer::Source],
    cwe: &[321, 798],
    owasp: Some("A02"),
    asvs: &["V13.3.1"],
    fix: FixAvailability::None,
    page: include_str!("fs301_hardcoded_secret_key.md"),
};

pub(crate) struct HardcodedSecretKey;

impl Rule for HardcodedSecretKey {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let Some(setting) = cx.setting("SECRET_KEY") else { return };
        // One that runs only where a variable is not set is a fallback, and FS302's.
        let [(value, guard)] = setting.value.alternatives()[..] else { return };
        if !guard.is_always() {
            return;
        }
        let Some(key) = key_bytes(value) else { return };
        let Some(at) = value.at else { return };
        // A value from a deployment file is FS311's.
        let evidence = cx.evidence(at, format!("the key: {}", Redacted::new(&String::from_utf8_lossy(&key))));
        if evidence.layer != Layer::Source || key.is_empty() {
            return;
        }
        let severity = match weakness(&key) {
            Some(Weakness::Public | Weakness::Guessable) => Severity::Critical,
            Some(Weakness::Short) | None => Severity::High,
        };
        let trail = setting.written.iter().filter(|written| **written != at).map(|written| cx.evidence(*written, "loaded here"));
        let trail: Vec<_> = trail.collect();
        out.fail(
            Finding::new(META.id, severity, META.confidence, evidence, "`SECRET_KEY` is a literal in the code")
                .with_trail(trail)
                .with_redacted([cx.inside_quotes(at)])
                .with_fix(Fix::advice("read it from the environment, `os.environ[\"SECRET_KEY\"]`, and set a new random one there")),
        );
    }
}

/// The key as bytes, where all of it is known.
fn key_bytes(fact: &Fact) -> Option<Vec<u8>> {
    match &fact.kind {
        FactKind::Str(rope) => rope.as_literal().map(|text| text.as_bytes().to_vec()),
        FactKind::Bytes(bytes) => Some(bytes.to_vec()),
        _ => None,
    }
}
