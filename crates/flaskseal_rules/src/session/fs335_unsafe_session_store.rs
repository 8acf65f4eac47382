//! FS335: others can read or write the server-side session store.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Context as When, Event, Fact, FactKind, Segment, Source};

use super::SESSION_STORAGE;
use crate::Rule;
use crate::session_cookie;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(335),
    name: "unsafe-session-store",
    summary: "Others can read, forge or execute what the server-side session store holds.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[SESSION_STORAGE],
    layers: &[Layer::Source],
    cwe: &[502, 306],
    owasp: Some("A08"),
    asvs: &["V7.2.1"],
    fix: FixAvailability::None,
    page: include_str!("fs335_unsafe_session_store.md"),
};

pub(crate) struct UnsafeSessionStore;

impl Rule for UnsafeSessionStore {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if let Some(call) = cx.calls("session.store").find(|call| call.context == When::Start) {
            match cx.setting_by_default("SESSION_TYPE").as_str() {
                Some("filesystem") => check_folder(cx, call, out),
                Some("redis") => check_redis(cx, out),
                _ => {}
            }
        }
        check_interface(cx, out);
    }
}

/// Files of the session, in `SESSION_FILE_DIR` or else `flask_session` in the working directory.
fn check_folder(cx: &Context<'_>, call: &Event, out: &mut Assessment) {
    let folder = cx.setting_by_default("SESSION_FILE_DIR");
    let mode = cx.setting_by_default("SESSION_FILE_MODE");
    if let Some(bits) = mode.as_int().filter(|bits| bits & 0o077 != 0) {
        let place = session_cookie::place(cx, "SESSION_FILE_MODE", mode.clone());
        let message = format!("other users of the machine can read session files: their mode is {bits:o}");
        report(
            out,
            META.severity,
            place.primary.span.unwrap_or(call.span),
            cx,
            message,
            "leave `SESSION_FILE_MODE` at 0o600",
        );
    }
    let at =
        || session_cookie::place(cx, "SESSION_FILE_DIR", folder.clone()).primary.span.unwrap_or(call.span);
    let advice = "set `SESSION_FILE_DIR` to a folder outside the project that only the service can enter";
    match &folder.kind {
        FactKind::Absent | FactKind::None => {
            let message = "session files lie in `flask_session` in the project's folder".to_owned();
            report(out, META.severity, call.span, cx, message, advice);
        }
        FactKind::Str(rope) => {
            let in_project = matches!(rope.segments().first(), Some(Segment::Hole(hole)) if matches!(hole.source, Source::Root));
            let text = rope.to_string();
            if matches!(text.trim_end_matches('/'), "/tmp" | "/var/tmp" | "/dev/shm") {
                let message =
                    format!("session files lie in `{text}`, where everybody on the machine can write");
                report(out, Severity::High, at(), cx, message, advice);
            } else if in_project || rope.as_literal().is_some_and(|text| !text.starts_with('/')) {
                let message = "session files lie in the project's folder".to_owned();
                report(out, META.severity, at(), cx, message, advice);
            }
        }
        _ => {}
    }
}

/// A Redis server on another machine that asks nobody for a password.
fn check_redis(cx: &Context<'_>, out: &mut Assessment) {
    let client = cx.setting_by_default("SESSION_REDIS");
    let Some(call) = cx.calls("store.redis").find(|call| Some(call.span) == client.at) else { return };
    let is_url = call.path.ends_with("from_url");
    let argument = |name: &str| call.keyword(name);
    let password = argument("password").is_some_and(|password| !matches!(password.kind, FactKind::None));
    let (host, is_open) = if is_url {
        let Some(url) = call.argument(0, "url").and_then(Fact::as_str) else { return };
        let Some(rest) = url.strip_prefix("redis://") else { return };
        let authority = rest.split('/').next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        (host.split(':').next().unwrap_or_default(), !authority.contains('@'))
    } else {
        let Some(host) = call.argument(0, "host").and_then(Fact::as_str) else { return };
        (host, argument("ssl").is_none())
    };
    if !is_open || password || call.open || matches!(host, "" | "localhost" | "127.0.0.1") {
        return;
    }
    // A name without a dot is a service of the same private network.
    let severity = if host.contains('.') { META.severity } else { Severity::Low };
    let message = format!("sessions lie in the Redis server `{host}` without a password");
    report(out, severity, call.span, cx, message, "give the Redis server a password, and use `rediss://`");
}

/// A session interface of the application's own that unpickles what it reads.
fn check_interface(cx: &Context<'_>, out: &mut Assessment) {
    let Some(FactKind::Instance(class, _)) =
        session_cookie::custom_interface(cx).and_then(|call| call.positional.get(1)).map(|value| &value.kind)
    else {
        return;
    };
    let Some(class_span) = class.span else { return };
    for call in cx.calls("deserialize.pickle") {
        let is_inside = call.span.file == class_span.file && class_span.range.encloses(call.span.range);
        if !is_inside && !call.scope.starts_with(&*class.name) {
            continue;
        }
        // Decoding hides where a value comes from; the call's own text still says it.
        let from_cookie = cx.text(call.span).contains("cookies")
            || call.positional.first().is_some_and(|value| {
                crate::identity::paths(value).iter().any(|path| path.contains(".cookies"))
            });
        let (severity, message) = if from_cookie {
            (Severity::Critical, "the session interface unpickles a cookie: whoever sends one runs code")
        } else {
            (META.severity, "the session interface unpickles what its store holds")
        };
        report(out, severity, call.span, cx, message.to_owned(), "serialize sessions as JSON");
    }
}

fn report(
    out: &mut Assessment,
    severity: Severity,
    at: Span,
    cx: &Context<'_>,
    message: String,
    advice: &str,
) {
    let place = cx.evidence(at, "set here");
    out.fail(Finding::new(META.id, severity, META.confidence, place, message).with_fix(Fix::advice(advice)));
}
