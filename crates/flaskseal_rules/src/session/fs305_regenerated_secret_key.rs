//! FS305: each start, or each worker, makes a key of its own.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;

use super::KEY_FROM_OUTSIDE;
use super::key::{is_generated, is_no_key, key_bytes, keys, paths, variable};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(305),
    name: "regenerated-secret-key",
    summary: "The key is generated at each start or per worker.",
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    controls: &[KEY_FROM_OUTSIDE],
    layers: &[Layer::Source, Layer::Deploy],
    cwe: &[324],
    owasp: Some("A02"),
    asvs: &[],
    fix: FixAvailability::None,
    page: include_str!("fs305_regenerated_secret_key.md"),
};

pub(crate) struct RegeneratedSecretKey;

impl Rule for RegeneratedSecretKey {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        for key in keys(cx).iter().filter(|key| key.is_setting) {
            let alternatives = key.value.alternatives();
            let generates = |value| paths(value).iter().any(|path| is_generated(path));
            // Something else that may be the key, such as the contents of a file, makes it one that is kept.
            let is_kept = alternatives.iter().any(|(value, _)| {
                !generates(value)
                    && variable(value).is_none()
                    && !is_no_key(value)
                    && key_bytes(value).is_none()
            });
            let Some((value, guard)) =
                alternatives.iter().find(|(value, guard)| generates(value) && guard.holds_by_default())
            else {
                continue;
            };
            let Some(at) = value.at.or_else(|| key.used.first().copied()).filter(|_| !is_kept) else {
                continue;
            };
            let workers = workers(cx);
            let severity =
                if workers.is_some_and(|workers| workers > 1) { Severity::Medium } else { Severity::Low };
            let mut message = match guard.conditions().find(|(_, states)| states.unset) {
                Some((name, _)) => {
                    format!("{} is generated at each start when `{name}` is not set", key.name)
                }
                None => format!("{} is generated at each start", key.name),
            };
            if let Some(workers) = workers.filter(|workers| *workers > 1) {
                message = format!("{message}, and {workers} workers may each have another");
            }
            let place = cx.evidence(at, "another key with each start: all sessions end");
            let advice = "generate it once and give it to the process: `os.environ[\"SECRET_KEY\"]`";
            let finding = Finding::new(META.id, severity, META.confidence, place, message)
                .with_fix(Fix::advice(advice));
            if !out.findings.iter().any(|known| known.primary.span == finding.primary.span) {
                out.fail(finding);
            }
        }
    }
}

/// How many processes serve, where the command line or gunicorn's configuration says.
fn workers(cx: &Context<'_>) -> Option<i64> {
    let from_options = cx.entry.process.iter().flat_map(|process| &process.options).find_map(|option| {
        let is_count = matches!(option.name.as_str(), "workers" | "processes" | "w" | "p");
        option.value.as_ref().filter(|_| is_count)?.or_default()?.parse().ok()
    });
    let settings = &cx.entry.server_settings;
    from_options.or_else(|| {
        settings.iter().find(|(name, _)| &**name == "workers").and_then(|(_, value)| value.as_int())
    })
}
