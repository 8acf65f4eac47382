//! FS304: sessions are used and no key is set; and where the key comes from, if that is fine.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity, SourceFile,
};
use flaskseal_project::semantic::Fact;
use flaskseal_project::{Context, Role, role_of};

use super::KEY_FROM_OUTSIDE;
use super::key::{
    Key, computed, is_deployed, is_generated, is_given, is_guessable, is_no_key, is_outside, key_bytes, keys,
    paths, replacing_overlay, session_uses, variable,
};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(304),
    name: "missing-secret-key",
    summary: "Sessions or signing are used but no key is set.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[KEY_FROM_OUTSIDE],
    layers: &[Layer::Source],
    cwe: &[1188],
    owasp: Some("A05~"),
    asvs: &[],
    fix: FixAvailability::None,
    page: include_str!("fs304_missing_secret_key.md"),
};

pub(crate) struct MissingSecretKey;

const REMEDY: &str = "give production's variables with `--env-file FILE`";

impl Rule for MissingSecretKey {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let Some(app) = cx.app else {
            let remedy = "name it with `--entry MODULE:CALLABLE`";
            out.gap(KEY_FROM_OUTSIDE, Gap::new("no Flask application was found", remedy));
            return;
        };
        let keys = keys(cx);
        let secret = keys.iter().find(|key| key.name == "`SECRET_KEY`");
        let value = secret.map_or(&Fact::UNKNOWN, |key| key.value).by_default();
        let used = secret.map(|key| key.used.clone()).unwrap_or_default();
        if !is_no_key(&value) {
            if let Some(key) = secret {
                judge_origin(cx, key, out);
            }
            return;
        }
        if let Some(overlay) = replacing_overlay(app, &used) {
            let claim = format!("`SECRET_KEY` comes from {}", overlay.what);
            match overlay.span {
                Some(at) if !overlay.optional || cx.project.tree.files.iter().all(|file| file.untracked) => {
                    out.support(KEY_FROM_OUTSIDE, cx.evidence(at, claim));
                }
                span => {
                    let reason = format!("`SECRET_KEY` may come from {}", overlay.what);
                    out.gap(KEY_FROM_OUTSIDE, Gap { span, ..Gap::new(reason, "") });
                }
            }
            return;
        }
        if app.open {
            out.gap(KEY_FROM_OUTSIDE, Gap::new("`SECRET_KEY` may be set by code that is not followed", ""));
            return;
        }
        // A variable without a default, which the deployment may set or not.
        let waits_for = secret.and_then(|key| {
            key.value
                .alternatives()
                .into_iter()
                .find_map(|(value, _)| variable(value).map(|name| (name.to_owned(), value.at)))
        });
        if let Some((name, at)) = &waits_for
            && (!cx.is_deployed() || cx.entry.outside_env.is_some())
        {
            let at = at.or_else(|| used.first().copied());
            if let Some(at) = at {
                out.support(
                    KEY_FROM_OUTSIDE,
                    cx.evidence(at, format!("the key is read from `{name}`, without a default")),
                );
            }
            return;
        }
        let Some(first) = session_uses(cx).next() else {
            if keys.iter().any(|key| !key.is_setting) {
                return;
            }
            out.not_applicable(KEY_FROM_OUTSIDE, "nothing in the application uses a key");
            return;
        };
        if cx.entry.guessed && !cx.evaluation.incomplete.is_empty() {
            out.gap(
                KEY_FROM_OUTSIDE,
                Gap::new("no write of `SECRET_KEY` was found, and not all of the code was followed", ""),
            );
            return;
        }
        if used.is_empty()
            && let Some(path) = mentioned(cx)
        {
            let reason = format!("no write of `SECRET_KEY` was followed, and `{path}` speaks of it");
            out.gap(KEY_FROM_OUTSIDE, Gap::new(reason, ""));
            return;
        }
        let (at, label) = match (used.first(), app.span) {
            (Some(at), _) => (*at, "no key"),
            (None, Some(at)) => (at, "made without a key"),
            (None, None) => (first.span, "needs a key"),
        };
        let message = match &waits_for {
            Some((name, _)) => format!("`SECRET_KEY` comes from `{name}`, which the deployment does not set"),
            None => "sessions are used and `SECRET_KEY` is not set".to_owned(),
        };
        let advice = match &waits_for {
            Some((name, _)) => format!("set `{name}` where production starts"),
            None => "set `SECRET_KEY` from the environment: `os.environ[\"SECRET_KEY\"]`".to_owned(),
        };
        out.fail(
            Finding::new(META.id, META.severity, META.confidence, cx.evidence(at, label), message)
                .with_trail([cx.evidence(first.span, "needs a key")])
                .with_fix(Fix::advice(advice)),
        );
    }
}

/// A file besides tests that has the key's name in it: a library may read it in a way that is not followed.
fn mentioned<'p>(cx: &Context<'p>) -> Option<&'p str> {
    let is_read = |file: &&SourceFile| {
        let is_prose = [".md", ".rst", ".html"].iter().any(|end| file.path.ends_with(end));
        !is_prose
            && role_of(&file.path) == Role::Source
            && (file.text.contains("SECRET_KEY") || file.text.contains(".secret_key"))
    };
    cx.project.tree.files.iter().find(is_read).map(|file| &*file.path)
}

/// C3.1, where there is a key: whether it comes from outside the code. What does not is a finding of another rule.
fn judge_origin(cx: &Context<'_>, key: &Key<'_>, out: &mut Assessment) {
    let alternatives: Vec<&Fact> = key
        .value
        .alternatives()
        .into_iter()
        .filter(|(value, _)| !is_no_key(value))
        .map(|(value, _)| value)
        .collect();
    let Some(value) = alternatives.first() else { return };
    let place = key.used.first().copied().or(value.at);
    if alternatives.iter().any(|value| key_bytes(value).is_some()) {
        // `--env-file` gives it, or a file that version control ignores.
        let given = key_bytes(value).is_some_and(|bytes| is_given(cx, &bytes));
        let outside = given || value.at.is_none_or(|at| cx.project.tree.file(at.file).untracked);
        if alternatives.len() == 1
            && outside
            && let Some(at) = key.used.first()
        {
            out.support(KEY_FROM_OUTSIDE, cx.evidence(*at, "the key comes from the environment"));
        } else if alternatives.len() == 1 && value.at.is_some_and(|at| is_deployed(cx, at)) {
            out.gap(
                KEY_FROM_OUTSIDE,
                Gap { span: value.at, ..Gap::new("the key stands in a deployment file", "") },
            );
        }
        return;
    }
    if alternatives
        .iter()
        .any(|value| paths(value).iter().any(|path| is_generated(path) || is_guessable(path)))
    {
        return;
    }
    if let Some(name) = variable(value)
        && let Some(at) = place
    {
        out.support(KEY_FROM_OUTSIDE, cx.evidence(at, format!("the key is read from `{name}`")));
        return;
    }
    if alternatives.iter().any(|value| computed(cx, value).is_some()) {
        return;
    }
    let from_outside = paths(value).iter().any(|path| is_outside(path));
    if from_outside && let Some(at) = place {
        out.support(KEY_FROM_OUTSIDE, cx.evidence(at, "the key is read where the program runs"));
        return;
    }
    out.gap(
        KEY_FROM_OUTSIDE,
        Gap { span: place, ..Gap::new("`SECRET_KEY` is set by code that is not followed", REMEDY) },
    );
}
