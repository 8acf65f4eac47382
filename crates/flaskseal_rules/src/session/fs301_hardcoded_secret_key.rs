//! FS301: a key is a literal that everybody with the code can read.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, Redacted, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Context;

use super::KEY_FROM_OUTSIDE;
use super::key::{Constant, Key, is_deployed, keys, overlay_of};
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
        let mut reported: Vec<Span> = Vec::new();
        for key in keys(cx) {
            // A setting that something outside the tree may replace is a default, and FS302's.
            if overlay_of(cx, &key).is_some() {
                continue;
            }
            for constant in hardcoded(cx, &key) {
                if !reported.contains(&constant.at) {
                    reported.push(constant.at);
                    out.fail(finding(cx, &key, &constant));
                }
            }
        }
    }
}

/// The constants that production runs with. One that runs only where a variable is not set is a fallback, and FS302's;
/// one from a deployment file is FS311's.
fn hardcoded<'k>(cx: &Context<'_>, key: &'k Key<'_>) -> Vec<Constant<'k>> {
    let mut constants = key.constants(cx);
    constants.retain(|constant| {
        !is_deployed(cx, constant.at) && !cx.project.tree.file(constant.at.file).untracked
    });
    if key.is_constant(cx) {
        // Of several constants those that run by default; a class for tests that nothing selects is not among them.
        if constants.iter().any(|constant| constant.guard.holds_by_default()) {
            constants.retain(|constant| constant.guard.holds_by_default());
        }
        return constants;
    }
    constants.retain(|constant| {
        !constant.guard.holds_by_default() && constant.guard.describe().to_lowercase().contains("prod")
    });
    constants
}

fn finding(cx: &Context<'_>, key: &Key<'_>, constant: &Constant<'_>) -> Finding {
    let at = constant.at;
    let evidence =
        cx.evidence(at, format!("the key: {}", Redacted::new(&String::from_utf8_lossy(&constant.bytes))));
    let severity = match weakness(&constant.bytes) {
        Some(Weakness::Public | Weakness::Guessable) => Severity::Critical,
        Some(Weakness::Short) | None => Severity::High,
    };
    let label = if key.is_setting { "loaded here" } else { "used here" };
    let is_elsewhere = |used: &&Span| !(used.file == at.file && used.range.encloses(at.range));
    let trail = key.used.iter().filter(is_elsewhere).map(|used| cx.evidence(*used, label));
    let variable = if key.is_setting { key.name.trim_matches('`') } else { "SIGNING_KEY" };
    let advice =
        format!("read it from the environment, `os.environ[\"{variable}\"]`, and set a new random one there");
    Finding::new(
        META.id,
        severity,
        META.confidence,
        evidence,
        format!("{} is a literal in the code", key.name),
    )
    .with_trail(trail)
    .with_scope(key.scope)
    .with_redacted([cx.inside_quotes(at)])
    .with_fix(Fix::advice(advice))
}
