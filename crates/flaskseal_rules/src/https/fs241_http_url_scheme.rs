//! FS241: links to the application begin with `http://`.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;

use flaskseal_project::semantic::{Event, Fact};

use super::TLS;
use crate::{Rule, session_cookie};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(241),
    name: "http-url-scheme",
    summary: "Links to the application are made with http.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[TLS],
    layers: &[Layer::Source],
    cwe: &[319],
    owasp: Some("A02"),
    asvs: &[],
    fix: FixAvailability::None,
    page: include_str!("fs241_http_url_scheme.md"),
};

pub(crate) struct HttpUrlScheme;

impl Rule for HttpUrlScheme {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if cx.app.is_none() {
            return;
        }
        let is_http = cx.setting_by_default("PREFERRED_URL_SCHEME").as_str() == Some("http");
        let mut seen = Vec::new();
        for call in cx.calls("url.build").filter(|call| {
            call.keyword("_external").and_then(Fact::truth) == Some(true) || call.keyword("_scheme").is_some()
        }) {
            if seen.contains(&call.span) {
                continue;
            }
            let scheme = call.keyword("_scheme").and_then(Fact::as_str);
            let (claim, message) = match scheme {
                Some("http") => ("`_scheme` says http", "a link is made with http"),
                None if is_http && outside_request(cx, call) => {
                    ("no request tells the scheme here", "a link that no request makes begins with `http://`")
                }
                _ => continue,
            };
            seen.push(call.span);
            let place = session_cookie::place(cx, "PREFERRED_URL_SCHEME", Fact::UNKNOWN);
            let setting = cx.setting("PREFERRED_URL_SCHEME").filter(|setting| !setting.written.is_empty());
            out.fail(
                Finding::new(META.id, META.severity, META.confidence, cx.evidence(call.span, claim), message)
                    .with_trail(setting.map(|_| place.primary))
                    .with_scope(&*call.scope)
                    .with_fix(Fix::advice("set `PREFERRED_URL_SCHEME = \"https\"`")),
            );
        }
        own_links(cx, out);
    }
}

/// Whether code runs in a task or a command, where only the setting says which scheme links have.
fn outside_request(cx: &Context<'_>, call: &Event) -> bool {
    const MARKS: &[&str] =
        &[".task", "shared_task", "cli.command", "click.command", ".scheduled_job", ".periodic_task", "@job"];
    let decorated = call.function.and_then(|function| cx.decorated(function));
    decorated.iter().flat_map(|known| &known.decorators).any(|(_, span)| {
        let text = format!("@{}", cx.text(*span));
        MARKS.iter().any(|mark| text.contains(mark))
    })
}

/// Text that begins with `http://` and the application's own name.
fn own_links(cx: &Context<'_>, out: &mut Assessment) {
    let server = cx.setting_by_default("SERVER_NAME");
    let Some(name) = server
        .as_str()
        .filter(|name| name.contains('.') && !super::outbound::is_private(super::outbound::host(name)))
    else {
        return;
    };
    let link = format!("http://{name}");
    for (file, node) in crate::code::nodes_near(cx, &["http://"]) {
        let flaskseal_python::ast::AnyNodeRef::ExprStringLiteral(text) = node else { continue };
        if text.value.to_str().starts_with(&link) {
            let at = crate::code::span_of(file, text);
            out.fail(
                Finding::new(
                    META.id,
                    META.severity,
                    META.confidence,
                    cx.evidence(at, "the application's own name"),
                    "a link to the application is written with http",
                )
                .with_fix(Fix::advice("write it with https, or let `url_for` make it")),
            );
        }
    }
}
