//! FS303: the key in use can be guessed.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Gap, Layer, Redacted, RuleId, RuleMeta,
    Severity,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Fact, VariableValue};

use super::STRONG_KEY;
use super::key::{
    Key, is_deployed, is_given, is_guessable, is_no_key, key_bytes, keys, paths, session_uses, variable,
};
use crate::Rule;
use crate::secret::{Weakness, weakness};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(303),
    name: "weak-secret-key",
    summary: "The key in use is short, low-entropy, derived from public data or shared with other purposes.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[STRONG_KEY],
    layers: &[Layer::Source, Layer::Deploy],
    cwe: &[326, 331, 330],
    owasp: Some("A02"),
    asvs: &["V11.2.3"],
    fix: FixAvailability::None,
    page: include_str!("fs303_weak_secret_key.md"),
};

pub(crate) struct WeakSecretKey;

const ADVICE: &str = "make a new one: `python -c 'import secrets; print(secrets.token_hex())'`";

impl Rule for WeakSecretKey {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let keys = keys(cx);
        for key in &keys {
            for (value, guard) in key.value.alternatives() {
                if guard.holds_by_default()
                    && let Some(finding) = derived(cx, key, value).or_else(|| measured(cx, key, value))
                    && !out.findings.iter().any(|known| known.primary.span == finding.primary.span)
                {
                    out.fail(finding);
                }
            }
        }
        shared(cx, &keys, out);
        judge_strength(cx, &keys, out);
    }
}

/// A key from data that others know.
fn derived(cx: &Context<'_>, key: &Key<'_>, value: &Fact) -> Option<Finding> {
    let path = paths(value).into_iter().find(|path| is_guessable(path))?;
    let at = value.at.or_else(|| key.used.first().copied())?;
    let place = cx.evidence(at, format!("`{path}` can be found out or guessed"));
    let message = format!("{} is made of data that is no secret", key.name);
    Some(
        Finding::new(META.id, Severity::High, META.confidence, place, message)
            .with_scope(key.scope)
            .with_fix(Fix::advice(ADVICE)),
    )
}

/// A key that the environment gives and that is too weak. One in the code is FS301's or FS302's.
fn measured(cx: &Context<'_>, key: &Key<'_>, value: &Fact) -> Option<Finding> {
    let bytes = key_bytes(value).filter(|bytes| !bytes.is_empty())?;
    if value.at.is_some_and(|at| !is_deployed(cx, at)) && !is_given(cx, &bytes) {
        return None;
    }
    let weakness = weakness(&bytes)?;
    let severity = if weakness == Weakness::Short { Severity::Low } else { Severity::High };
    let claim = format!("the key: {}", Redacted::new(&String::from_utf8_lossy(&bytes)));
    let place = match value.at {
        Some(at) => cx.evidence(at, claim),
        None => Evidence::general(Layer::Deploy, claim),
    };
    let message = match weakness {
        Weakness::Public => format!("{} is a value that everybody knows", key.name),
        Weakness::Guessable => format!("{} can be guessed", key.name),
        Weakness::Short => format!("{} is shorter than 32 bytes", key.name),
    };
    let redacted = value.at.and_then(|at| {
        let facts = &cx.project.deployment.env_facts;
        facts.iter().find(|fact| fact.span == at).map(|fact| fact.value_span)
    });
    let finding =
        Finding::new(META.id, severity, META.confidence, place, message).with_fix(Fix::advice(ADVICE));
    Some(finding.with_redacted(redacted.or(value.at)))
}

/// One value for several purposes.
fn shared(cx: &Context<'_>, keys: &[Key<'_>], out: &mut Assessment) {
    let settings: Vec<&Key<'_>> = keys.iter().filter(|key| key.is_setting).collect();
    let Some(secret) = settings.iter().find(|key| key.name == "`SECRET_KEY`") else { return };
    for other in settings.iter().filter(|other| !std::ptr::eq(**other, *secret)) {
        let same_variable =
            variable(secret.value).is_some() && variable(secret.value) == variable(other.value);
        let same_bytes = key_bytes(secret.value)
            .is_some_and(|bytes| !bytes.is_empty() && key_bytes(other.value) == Some(bytes));
        if (same_variable || same_bytes)
            && let Some(at) = other.used.first()
        {
            let place = cx.evidence(*at, "the same value");
            let message = format!("{} and {} are one key", secret.name, other.name);
            let advice = Fix::advice("give each purpose a key of its own");
            out.fail(Finding::new(META.id, Severity::Low, META.confidence, place, message).with_fix(advice));
        }
    }
}

/// C3.2: the strength of the key, where it can be seen.
fn judge_strength(cx: &Context<'_>, keys: &[Key<'_>], out: &mut Assessment) {
    let secret = keys.iter().find(|key| key.name == "`SECRET_KEY`");
    let is_missing = secret.is_none_or(|key| is_no_key(key.value));
    if cx.app.is_some()
        && is_missing
        && session_uses(cx).next().is_none()
        && keys.iter().all(|key| key.is_setting)
    {
        out.not_applicable(STRONG_KEY, "nothing in the application uses a key");
        return;
    }
    let Some(key) = secret else {
        out.gap(STRONG_KEY, Gap::new("the application's configuration could not be followed", ""));
        return;
    };
    match key_bytes(key.value) {
        Some(bytes) if weakness(&bytes).is_none() => {
            let claim =
                format!("`SECRET_KEY` is strong: {}", Redacted::new(&String::from_utf8_lossy(&bytes)));
            match key.value.at {
                // A literal that everybody can read is not strong, however long it is.
                Some(at) if !is_deployed(cx, at) && !is_given(cx, &bytes) => {}
                at => match at.or_else(|| key.used.first().copied()) {
                    Some(at) => out.support(STRONG_KEY, cx.evidence(at, claim)),
                    None => out.support(STRONG_KEY, Evidence::general(Layer::Deploy, claim)),
                },
            }
        }
        Some(_) => {}
        None => {
            let remedy = match variable(key.value).and_then(|name| cx.variable(name)) {
                Some(VariableValue::External) | None => "give production's variables with `--env-file FILE`",
                Some(_) => "",
            };
            let reason = "strength not verified: the value of `SECRET_KEY` is not in the tree";
            out.gap(STRONG_KEY, Gap { span: key.used.first().copied(), ..Gap::new(reason, remedy) });
        }
    }
}
