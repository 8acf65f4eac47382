//! FS526: what a user sees after logging in may stay in caches.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::{Exchange, Live, Purpose};
use flaskseal_project::Context;

use flaskseal_python::ast::{AnyNodeRef, Expr};

use super::OTHER_HEADERS;
use super::effective::{Headers, Scope};
use crate::Rule;
use crate::access::{checks_on, name_span};
use crate::code::{last_name, span_of, within};
use crate::view::views;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(526),
    name: "cacheable-sensitive-response",
    summary: "A response for logged-in users tells caches to keep it.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[OTHER_HEADERS],
    layers: &[Layer::Source, Layer::Live],
    cwe: &[525],
    owasp: Some("A04"),
    asvs: &["V14.3.2"],
    fix: FixAvailability::None,
    page: include_str!("fs526_cacheable_sensitive_response.md"),
};

pub(crate) struct CacheableSensitiveResponse;

impl Rule for CacheableSensitiveResponse {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        // What opens with the user's cookies, and not without them, is behind a login.
        let is_refused = |answer: &&Exchange| answer.is_redirect() || matches!(answer.status, 401 | 403);
        for stranger in live.of(Purpose::Stranger).filter(is_refused) {
            let page = live.ordinary().find(|page| page.url == stranger.url && page.status == 200);
            let Some(page) = page else { continue };
            let control = page.value("cache-control").unwrap_or("").to_ascii_lowercase();
            if ["no-store", "private"].iter().any(|word| control.contains(word)) {
                continue;
            }
            let place = match page.header("cache-control") {
                Some(header) => live.at(page, header, "neither `no-store` nor `private`"),
                None => live.answer(page, "without `Cache-Control`"),
            };
            let message = format!("`{}` is for logged-in users, and caches may keep it", page.url.path());
            out.fail(
                Finding::new(META.id, META.severity, Confidence::Certain, place, message)
                    .with_trail([live.answer(stranger, "without your cookies")])
                    .with_scope(page.url.path())
                    .with_fix(Fix::advice("send `Cache-Control: no-store` with what only one user may see")),
            );
        }
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let headers = Headers::of(cx);
        for view in views(cx).iter().filter(|view| checks_on(cx, view.span)) {
            let written = headers.named("cache-control").find(|header| {
                matches!(&header.scope, Scope::Views(views) if views.contains(&view.span))
                    && header.value.text().is_some_and(is_public)
            });
            let property = || {
                view.node.body.iter().flat_map(|statement| within(AnyNodeRef::from(statement))).find_map(
                    |node| {
                        let AnyNodeRef::StmtAssign(assign) = node else { return None };
                        let [Expr::Attribute(target)] = assign.targets.as_slice() else { return None };
                        let is_cache = last_name(&target.value) == Some("cache_control");
                        let is_on = matches!(&*assign.value, Expr::BooleanLiteral(value) if value.value);
                        (is_cache && is_on && target.attr.id.as_str() == "public")
                            .then(|| span_of(view.span.file, assign))
                    },
                )
            };
            let Some(at) = written.map(|header| header.span).or_else(property) else { continue };
            let message = format!("`{}` is for logged-in users, and caches may keep it", view.name());
            out.fail(
                Finding::new(
                    META.id,
                    META.severity,
                    META.confidence,
                    cx.evidence(at, "shared caches may keep it"),
                    message,
                )
                .with_trail([cx.evidence(name_span(view.span.file, view.node), "behind a login")])
                .with_scope(view.name())
                .with_fix(Fix::advice("send `Cache-Control: no-store` with what only one user may see")),
            );
        }
    }
}

/// Whether a value tells shared caches to keep the response.
fn is_public(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let forbids = ["no-store", "private", "no-cache"].iter().any(|directive| lower.contains(directive));
    !forbids && (lower.contains("public") || lower.contains("s-maxage"))
}
