//! FS302: a key falls back to a constant when production does not provide one.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, Redacted, RuleId, RuleMeta,
    Severity, Span,
};
use flaskseal_project::Context;

use super::KEY_FROM_OUTSIDE;
use super::fallback::fallback_of;
use super::key::{Constant, Key, is_deployed, keys, missing_variables, overlay_of, variable};
use crate::Rule;
use crate::secret::{Weakness, weakness};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(302),
    name: "default-secret-key",
    summary: "SECRET_KEY falls back to a constant when the environment variable is missing.",
    severity: Severity::High,
    confidence: Confidence::Certain,
    controls: &[KEY_FROM_OUTSIDE],
    layers: &[Layer::Source, Layer::Deploy],
    cwe: &[1188, 321],
    owasp: Some("A02"),
    asvs: &["V13.3.1"],
    fix: FixAvailability::None,
    page: include_str!("fs302_default_secret_key.md"),
};

pub(crate) struct DefaultSecretKey;

impl Rule for DefaultSecretKey {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut reported: Vec<Span> = Vec::new();
        for key in keys(cx) {
            let overlay = overlay_of(cx, &key);
            let replaced = overlay.map(|overlay| (overlay.what.as_str(), overlay.optional));
            if !key.is_constant(cx) || replaced.is_some() {
                for constant in key.constants(cx) {
                    let is_fallback = constant.guard.holds_by_default()
                        && (replaced.is_none() || !is_deployed(cx, constant.at))
                        && !cx.project.tree.file(constant.at.file).untracked;
                    if is_fallback && !reported.contains(&constant.at) {
                        reported.push(constant.at);
                        out.fail(finding(cx, &key, &constant, replaced));
                    }
                }
            }
            if let Some(finding) = provided(cx, &key, &mut reported) {
                out.fail(finding);
            }
        }
    }
}

fn finding(
    cx: &Context<'_>,
    key: &Key<'_>,
    constant: &Constant<'_>,
    overlay: Option<(&str, bool)>,
) -> Finding {
    let missing = missing_variables(constant.guard);
    let severity = match overlay {
        _ if !missing.is_empty()
            && cx.is_deployed()
            && cx.entry.outside_env.is_none()
            && !is_deployed(cx, constant.at) =>
        {
            Severity::Critical
        }
        Some((_, false)) => Severity::Medium,
        _ if is_deployed(cx, constant.at) && weakness(&constant.bytes) == Some(Weakness::Public) => {
            Severity::Critical
        }
        _ => Severity::High,
    };
    let when = match (missing.first(), overlay) {
        (Some(name), _) => format!("{} falls back to a constant when `{name}` is not set", key.name),
        (None, Some((what, true))) => format!("{} is a constant unless there is {what}", key.name),
        (None, Some((what, false))) => format!("{} is a constant unless it is in {what}", key.name),
        (None, None) => format!("{} falls back to a constant", key.name),
    };
    report(cx, key, constant.at, &constant.bytes, severity, when)
}

/// A fallback that does not run, because the deployment provides the variable.
fn provided(cx: &Context<'_>, key: &Key<'_>, reported: &mut Vec<Span>) -> Option<Finding> {
    let set_at = |at: Span| cx.entry.environment.variables.iter().find(|variable| variable.span == Some(at));
    let name = variable(key.value).or_else(|| Some(&*set_at(key.value.at?)?.name))?;
    cx.variable(name)?;
    let (at, text) = fallback_of(cx, name)?;
    if reported.contains(&at) || text.is_empty() {
        return None;
    }
    reported.push(at);
    let message = format!("{} would fall back to a constant if `{name}` were not set", key.name);
    Some(report(cx, key, at, text.as_bytes(), Severity::Medium, message))
}

fn report(
    cx: &Context<'_>,
    key: &Key<'_>,
    at: Span,
    bytes: &[u8],
    severity: Severity,
    message: String,
) -> Finding {
    let place = cx.evidence(at, format!("the fallback: {}", Redacted::new(&String::from_utf8_lossy(bytes))));
    let label = if key.is_setting { "loaded here" } else { "used here" };
    let is_elsewhere = |used: &&Span| !(used.file == at.file && used.range.encloses(at.range));
    let mut trail: Vec<Evidence> =
        key.used.iter().filter(is_elsewhere).map(|used| cx.evidence(*used, label)).collect();
    if severity == Severity::Critical
        && let Some(start) = cx.entry.span
    {
        trail.push(cx.evidence(start, "started without the variable"));
    }
    Finding::new(META.id, severity, META.confidence, place, message)
        .with_trail(trail)
        .with_scope(key.scope)
        .with_redacted([cx.inside_quotes(at)])
        .with_fix(Fix::advice(
            "use `os.environ[\"SECRET_KEY\"]`, which fails at the start instead of running with a public key",
        ))
}
