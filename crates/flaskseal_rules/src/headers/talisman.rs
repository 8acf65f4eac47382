//! The headers that Talisman sends: its options, and its defaults where they are left out.

use flaskseal_core::Span;
use flaskseal_project::Context;
use flaskseal_project::semantic::{Context as When, Event, Fact, FactKind};

use super::effective::{Header, Scope, Value, decorated_by, header};
use crate::answer::runs;

/// What `content_security_policy` is where it is left out.
const DEFAULT_POLICY: &str = "default-src 'self'; object-src 'none'";
/// `flask_talisman.GOOGLE_CSP_POLICY`.
const GOOGLE_POLICY: &str = "font-src 'self' themes.googleusercontent.com *.gstatic.com; frame-src 'self' www.google.com www.youtube.com; script-src 'self' ajax.googleapis.com *.googleanalytics.com *.google-analytics.com; style-src 'self' ajax.googleapis.com fonts.googleapis.com *.gstatic.com; object-src 'none'; default-src 'self' *.gstatic.com";

/// What Talisman sends for the whole application and for single views.
pub(super) fn headers(cx: &Context<'_>) -> Vec<Header> {
    let mut found = Vec::new();
    if let Some(call) = bound(cx) {
        let scope = if call.open { Scope::Unknown } else { Scope::All };
        of_options(call, &scope, true, &mut found);
    }
    for call in cx.calls("headers.talisman-view") {
        let views = decorated_by(cx, call.span);
        if !views.is_empty() {
            of_options(call, &Scope::Views(views), false, &mut found);
        }
    }
    found
}

/// Talisman, bound to the application while production starts. Made without one it waits for `init_app`.
pub(super) fn bound<'p>(cx: &Context<'p>) -> Option<&'p Event> {
    cx.calls("headers.talisman")
        .filter(|call| call.context == When::Start && runs(&call.guard))
        .find(|call| call.argument(0, "app").is_some_and(|app| !matches!(app.kind, FactKind::None)))
}

/// The headers of one set of options. `has_defaults`: what is left out has its default; a view inherits instead.
fn of_options(call: &Event, scope: &Scope, has_defaults: bool, found: &mut Vec<Header>) {
    let at = |option: &str| {
        call.keyword(option).and_then(|value| value.at).filter(|at| is_inside(call, *at)).unwrap_or(call.span)
    };
    let mut push = |name: &str, value: Value, option: &str| {
        found.push(header(name, value, scope.clone(), at(option), "Talisman"));
    };
    let option = |name: &str| call.keyword(name).map(Fact::by_default);
    let applies = |name: &str| has_defaults || call.keyword(name).is_some();

    if applies("frame_options") {
        let value = option("frame_options");
        match value.as_ref().map(|value| (&value.kind, value.truth())) {
            None => push("x-frame-options", Value::Exact("SAMEORIGIN".to_owned()), "frame_options"),
            Some((_, Some(false))) => {}
            Some(_) => {
                push("x-frame-options", value.as_ref().map_or(Value::Unknown, Value::of), "frame_options");
            }
        }
    }
    if has_defaults && option("x_content_type_options").and_then(|value| value.truth()) != Some(false) {
        push("x-content-type-options", Value::Exact("nosniff".to_owned()), "x_content_type_options");
    }
    if has_defaults && option("x_xss_protection").and_then(|value| value.truth()) == Some(true) {
        push("x-xss-protection", Value::Exact("1; mode=block".to_owned()), "x_xss_protection");
    }
    if has_defaults && option("force_file_save").and_then(|value| value.truth()) == Some(true) {
        push("x-download-options", Value::Exact("noopen".to_owned()), "force_file_save");
    }
    if has_defaults {
        let value = option("referrer_policy");
        match &value {
            None => push(
                "referrer-policy",
                Value::Exact("strict-origin-when-cross-origin".to_owned()),
                "referrer_policy",
            ),
            Some(value) if value.truth() == Some(false) => {}
            Some(value) => push("referrer-policy", Value::of(value), "referrer_policy"),
        }
    }
    if applies("permissions_policy") {
        let value = option("permissions_policy");
        if value.as_ref().is_none_or(|value| value.truth() != Some(false)) {
            push("permissions-policy", Value::Unknown, "permissions_policy");
        }
    }
    if has_defaults && option("feature_policy").is_some_and(|value| value.truth() == Some(true)) {
        push("feature-policy", Value::Unknown, "feature_policy");
    }
    if has_defaults && option("strict_transport_security").and_then(|value| value.truth()) != Some(false) {
        push("strict-transport-security", transport(&option), "strict_transport_security_max_age");
    }
    if applies("content_security_policy") {
        let policy = policy(
            option("content_security_policy").as_ref(),
            option("content_security_policy_nonce_in").as_ref(),
        );
        let report_only = option("content_security_policy_report_only").and_then(|value| value.truth());
        let name = match report_only {
            Some(true) => "content-security-policy-report-only",
            _ => "content-security-policy",
        };
        if let Some(policy) = policy {
            push(name, policy, "content_security_policy");
        }
    }
}

fn is_inside(call: &Event, at: Span) -> bool {
    at.file == call.span.file && call.span.range.encloses(at.range)
}

/// `max-age=31556926; includeSubDomains`, by the options.
fn transport(option: &dyn Fn(&str) -> Option<Fact>) -> Value {
    let age = match option("strict_transport_security_max_age") {
        None => 31_556_926,
        Some(age) => match age.as_int() {
            Some(age) => age,
            None => return Value::Unknown,
        },
    };
    let mut value = format!("max-age={age}");
    match option("strict_transport_security_include_subdomains").map(|value| value.truth()) {
        None | Some(Some(true)) => value.push_str("; includeSubDomains"),
        Some(Some(false)) => {}
        Some(None) => return Value::Unknown,
    }
    if option("strict_transport_security_preload").and_then(|value| value.truth()) == Some(true) {
        value.push_str("; preload");
    }
    Value::Exact(value)
}

/// The policy that an option stands for; `None` where it switches the header off.
pub(super) fn policy(option: Option<&Fact>, nonce_in: Option<&Fact>) -> Option<Value> {
    let Some(option) = option else { return Some(Value::Exact(DEFAULT_POLICY.to_owned())) };
    if option.truth() == Some(false) {
        return None;
    }
    let nonces: Vec<&str> = match nonce_in.map(|nonce_in| &nonce_in.kind) {
        Some(FactKind::Sequence { items, .. }) => items.iter().filter_map(Fact::as_str).collect(),
        _ => Vec::new(),
    };
    Some(match &option.kind {
        FactKind::Dict { entries, open } => of_entries(entries, *open, &nonces),
        FactKind::Path(path) if path.ends_with("GOOGLE_CSP_POLICY") => Value::Exact(GOOGLE_POLICY.to_owned()),
        FactKind::Path(path) if path.ends_with("DEFAULT_CSP_POLICY") => {
            Value::Exact(DEFAULT_POLICY.to_owned())
        }
        _ => Value::of(option),
    })
}

fn of_entries(entries: &[(Fact, Fact)], open: bool, nonces: &[&str]) -> Value {
    let mut is_exact = !open;
    let mut directives = Vec::new();
    for (name, sources) in entries {
        let Some(name) = name.as_str() else { return Value::Unknown };
        let mut parts: Vec<String> = Vec::new();
        match &sources.by_default().kind {
            FactKind::Sequence { items, .. } => {
                parts.extend(items.iter().map(|item| match Value::of(item) {
                    Value::Exact(text) => text,
                    Value::Partial(text) => {
                        is_exact = false;
                        text
                    }
                    Value::Unknown => {
                        is_exact = false;
                        "{…}".to_owned()
                    }
                }));
            }
            _ => match Value::of(sources) {
                Value::Exact(text) => parts.push(text),
                Value::Partial(text) => {
                    is_exact = false;
                    parts.push(text);
                }
                Value::Unknown => {
                    is_exact = false;
                    parts.push("{…}".to_owned());
                }
            },
        }
        if nonces.contains(&name) {
            // A fresh one with each response.
            parts.push("'nonce-{…}'".to_owned());
            is_exact = false;
        }
        directives.push(format!("{name} {}", parts.join(" ")).trim_end().to_owned());
    }
    let policy = directives.join("; ");
    if is_exact { Value::Exact(policy) } else { Value::Partial(policy) }
}
