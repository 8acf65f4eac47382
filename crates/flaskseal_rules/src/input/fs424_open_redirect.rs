//! FS424: the client chooses where it is redirected.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Alphabet, Fact, FactKind, Hole, Origin};
use flaskseal_python::ast::{AnyNodeRef, Expr};

use super::NO_INJECTION;
use crate::Rule;
use crate::code::{enclosing, function_around, span_of, within};
use crate::flow::{Breach, Flow, alternatives, answer, flows, input, report, url};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(424),
    name: "open-redirect",
    summary: "The client chooses where it is redirected.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[601],
    owasp: Some("A01"),
    asvs: &["V3.7.2"],
    fix: FixAvailability::None,
    page: include_str!("fs424_open_redirect.md"),
};

pub(crate) struct OpenRedirect;

impl Rule for OpenRedirect {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        for flow in targets(cx) {
            let Some(rope) = flow.text() else { continue };
            for (hole, place) in url::places(&rope) {
                if is_own_address(hole) {
                    continue;
                }
                if let Some(judged) = judge(hole, place) {
                    let (breach, note) = judged;
                    let is_referrer = input::parts(&breach.origin.input).0 == "referrer";
                    let mut one = flow.found(breach).advise(ADVICE);
                    if let Some(note) = note {
                        one = one.noting(note);
                    }
                    // Who sets this header for somebody else has a page of their own already.
                    if is_referrer {
                        one = one.weighing(Severity::Low);
                    } else if is_asked_about(cx, &flow) {
                        one = one
                            .weighing(Severity::Low)
                            .noting("what the check in front of it lets through is not known");
                    }
                    found.push(one);
                    break;
                }
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}

const ADVICE: &str = "redirect only within the site: `u = urlsplit(t)`, then `not u.scheme and not u.netloc and \
                      t.startswith(\"/\") and not t.startswith(\"//\")`";

/// Every text that says where a browser goes on.
fn targets<'p>(cx: &Context<'p>) -> Vec<Flow<'p>> {
    let mut targets = flows(cx, &["redirect", "header", "response.attribute"]);
    targets.retain(is_location);
    for flow in flows(cx, &["header.map", "html.answer", "json.answer"]) {
        let maps = match &*flow.sink.context {
            "header.map" => std::slice::from_ref(flow.value),
            _ => answer::headers(flow.value),
        };
        for map in maps {
            let FactKind::Dict { entries, .. } = &map.kind else { continue };
            let location = entries
                .iter()
                .find(|(name, _)| name.as_str().is_some_and(|name| name.eq_ignore_ascii_case("location")));
            if let Some((_, value)) = location {
                let mut see = |value| targets.push(Flow { event: flow.event, sink: flow.sink, value });
                alternatives(value, &mut see);
            }
        }
    }
    targets
}

fn is_location(flow: &Flow<'_>) -> bool {
    let name =
        || flow.event.positional.first().and_then(Fact::as_str).unwrap_or_default().to_ascii_lowercase();
    match &*flow.sink.context {
        "header" => matches!(name().as_str(), "location" | "refresh"),
        "response.attribute" => name() == "location",
        _ => true,
    }
}

/// Whether a condition before the call passes the same expression to a function: `if is_safe_url(target):`. What the
/// evaluator understands of such a function is in the hole's checks already.
fn is_asked_about(cx: &Context<'_>, flow: &Flow<'_>) -> bool {
    let span = flow.event.span;
    let Some(function) = function_around(cx, span) else { return false };
    let call = enclosing(cx, span).into_iter().find_map(|node| match node {
        AnyNodeRef::ExprCall(call) if span_of(span.file, call) == span => Some(call),
        _ => None,
    });
    let Some(target) = call.and_then(|call| call.arguments.args.first()) else { return false };
    let text = |expression: &Expr| cx.text(span_of(span.file, expression));
    let targets: Vec<&str> = within(target.into())
        .into_iter()
        .filter_map(|node| match node {
            AnyNodeRef::ExprName(name) => Some(cx.text(span_of(span.file, name))),
            AnyNodeRef::ExprCall(call) => Some(cx.text(span_of(span.file, call))),
            _ => None,
        })
        .filter(|text| *text != "request")
        .collect();
    let asks = |test: &Expr| {
        span_of(span.file, test).range.start < span.range.start
            && within(test.into()).into_iter().any(|node| match node {
                AnyNodeRef::ExprCall(call) => {
                    call.arguments.args.iter().any(|argument| targets.contains(&text(argument)))
                }
                _ => false,
            })
    };
    within(function.into()).into_iter().any(|node| match node {
        AnyNodeRef::StmtIf(statement) => asks(&statement.test),
        AnyNodeRef::ElifElseClause(clause) => clause.test.as_ref().is_some_and(&asks),
        AnyNodeRef::ExprIf(choice) => asks(&choice.test),
        _ => false,
    })
}

/// The address of the request itself: what begins with it stays on the host that the client asked for.
fn is_own_address(hole: &Hole) -> bool {
    let is_own = |origin: &Origin| {
        matches!(
            input::parts(&origin.input).0,
            "base_url"
                | "full_path"
                | "host"
                | "host_url"
                | "path"
                | "root_url"
                | "script_root"
                | "url"
                | "url_root"
        )
    };
    hole.origin.as_deref().is_some_and(is_own)
}

/// How far a hole decides where the browser goes, and what gets past the checks that it has passed.
fn judge(hole: &Hole, place: url::Place) -> Option<(Breach<'static>, Option<&'static str>)> {
    let checks = hole.checks;
    let elsewhere: &[&str] = match place {
        url::Place::AfterSlash => &["/evil.example/"],
        url::Place::Host => &["evil.example/", "evil.example"],
        url::Place::HostEnd => &[".evil.example/", "@evil.example/", ".evil.example"],
        _ => &["https://evil.example/", "//evil.example/", "https:evil.example"],
    };
    let breach = |at, breaks, severity| Breach::of(hole, at, Alphabet::of(breaks), elsewhere, severity);
    match place {
        url::Place::Start if checks.host && !checks.some_host => {
            let elsewhere = ["https:evil.example/", "////evil.example/", "///evil.example/"];
            let breaks = Alphabet::of(":/");
            let breach = Breach::of(hole, "as the address to go to", breaks, &elsewhere, Severity::Low)?;
            Some((breach, Some("`https:evil.example` and `////evil.example` pass the check of its host")))
        }
        url::Place::Start | url::Place::Scheme(_) | url::Place::Host | url::Place::HostEnd if checks.host => {
            None
        }
        url::Place::Scheme(rest) => {
            let payload = format!("{rest}evil.example/");
            let at = "as the address to go to";
            Some((Breach::of(hole, at, Alphabet::of("/"), &[&payload], Severity::Medium)?, None))
        }
        url::Place::Start => Some((breach("as the address to go to", ":/", Severity::Medium)?, None)),
        url::Place::Host => Some((breach("as the host to go to", ".:/abcxyz", Severity::Medium)?, None)),
        url::Place::HostEnd => {
            let breach = breach("after a host without a slash", url::HOST_BREAKS, Severity::Medium)?;
            Some((breach, Some("the host goes on: `https://good.example.evil.example`")))
        }
        url::Place::AfterSlash if hole.first.contains('/') && !checks.host => {
            let breach = breach("after a single slash", "/", Severity::Medium)?;
            Some((breach, Some("two slashes begin a host: `//evil.example`")))
        }
        url::Place::AfterSlash
            if !checks.host && hole.alphabet.contains('\t') && hole.first.contains('\t') =>
        {
            let breach = Breach::of(
                hole,
                "after a single slash",
                Alphabet::of("\t"),
                &["\t/evil.example"],
                Severity::Low,
            )?;
            Some((breach, Some("a tab between two slashes is dropped: `/<TAB>/evil.example`")))
        }
        url::Place::AfterSlash | url::Place::Path | url::Place::Query => None,
    }
}
