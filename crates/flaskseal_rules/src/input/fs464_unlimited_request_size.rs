//! FS464: a request may be as large as its sender likes.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Context;

use flaskseal_project::deploy::web::Program;
use flaskseal_project::semantic::FactKind;

use super::SAFE_UPLOADS;
use super::uploads::Uploads;
use crate::session::coverage;
use crate::{Rule, nginx, session_cookie};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(464),
    name: "unlimited-request-size",
    summary: "Uploads have no upper limit.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[SAFE_UPLOADS],
    layers: &[Layer::Source, Layer::Deploy],
    cwe: &[770, 400],
    owasp: Some("A04~"),
    asvs: &["V5.2.1"],
    fix: FixAvailability::None,
    page: include_str!("fs464_unlimited_request_size.md"),
};

pub(crate) struct UnlimitedRequestSize;

/// From here on a bound is none.
const GIBIBYTE: i64 = 1024 * 1024 * 1024;
/// What Flask takes by default, in bytes and in parts, and ten times as much.
const FORM_BOUNDS: &[(&str, i64)] = &[("MAX_FORM_MEMORY_SIZE", 5_000_000), ("MAX_FORM_PARTS", 10_000)];

impl Rule for UnlimitedRequestSize {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if cx.app.is_none() {
            return out.gap(
                SAFE_UPLOADS,
                Gap::new("no Flask application was found", "name it with `--entry MODULE:CALLABLE`"),
            );
        }
        for (name, most) in FORM_BOUNDS {
            let value = cx.setting_by_default(name);
            let is_written = cx.setting(name).is_some_and(|setting| !setting.written.is_empty());
            let is_wide =
                matches!(value.kind, FactKind::None) || value.as_int().is_some_and(|bound| bound > *most);
            if is_written && is_wide {
                let place = session_cookie::place(cx, name, value);
                let message = format!("`{name}` lets a form be as large as its sender likes");
                out.fail(
                    Finding::new(META.id, Severity::Low, META.confidence, place.primary, message)
                        .with_fix(fix()),
                );
            }
        }
        let uploads = Uploads::of(cx);
        let Some(first) = uploads.uses.first() else {
            return match coverage::examined(cx) {
                Err(gap) if !cx.entry.guessed => out.gap(SAFE_UPLOADS, gap),
                _ => out.not_applicable(SAFE_UPLOADS, "nothing takes files from clients"),
            };
        };
        let bound = cx.setting_by_default("MAX_CONTENT_LENGTH");
        match (&bound.kind, bound.as_int()) {
            (_, Some(bytes)) if (1..GIBIBYTE).contains(&bytes) => {
                let claim = format!("requests of more than {bytes} bytes are refused");
                return out.support(SAFE_UPLOADS, session_cookie::written(cx, "MAX_CONTENT_LENGTH", claim));
            }
            (FactKind::None | FactKind::Absent, _) | (_, Some(_)) => {}
            _ => {
                let gap = Gap::new(
                    "the value of `MAX_CONTENT_LENGTH` is not known",
                    "give production's variables with `--env-file FILE`",
                );
                return out.gap(SAFE_UPLOADS, gap);
            }
        }
        if let Some(at) = bound_of_a_request(cx) {
            return out.support(SAFE_UPLOADS, cx.evidence(at, "the request gets a limit of its own"));
        }
        let severity = if is_bounded_in_front(cx) { Severity::Low } else { META.severity };
        let claim = if severity == Severity::Low {
            "the web server's limit is all there is"
        } else {
            "nothing limits the request"
        };
        let message = "uploads may be as large as their sender likes: `MAX_CONTENT_LENGTH` is not set";
        out.fail(
            Finding::new(META.id, severity, META.confidence, cx.evidence(*first, claim), message)
                .with_fix(fix()),
        );
    }
}

fn fix() -> Fix {
    Fix::advice("set `MAX_CONTENT_LENGTH = 16 * 1024 * 1024`, or what the largest upload needs")
}

/// `request.max_content_length = ...`.
fn bound_of_a_request(cx: &Context<'_>) -> Option<Span> {
    crate::code::nodes_near(cx, &["max_content_length"]).find_map(|(file, node)| match node {
        flaskseal_python::ast::AnyNodeRef::StmtAssign(assign) => match assign.targets.as_slice() {
            [flaskseal_python::ast::Expr::Attribute(target)]
                if target.attr.id.as_str() == "max_content_length"
                    && !assign.value.is_none_literal_expr() =>
            {
                Some(crate::code::span_of(file, assign))
            }
            _ => None,
        },
        _ => None,
    })
}

/// Whether nginx passes only bodies of a bounded size on: 1 MiB by default.
fn is_bounded_in_front(cx: &Context<'_>) -> bool {
    let web = &cx.project.deployment.web;
    let mut programs = web.application_routes().map(|(site, ..)| site.program).peekable();
    if programs.peek().is_none() || programs.any(|program| program != Program::Nginx) {
        return false;
    }
    !nginx::configurations(cx.project).flat_map(nginx::directives).any(|(_, directive)| {
        directive.name.text.as_str() == "client_max_body_size"
            && directive.argument(0).is_some_and(is_unbounded)
    })
}

/// `0`, `2g`: nginx's sizes.
fn is_unbounded(size: &str) -> bool {
    let digits = size.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let unit = size.get(digits.len()..).unwrap_or_default().to_ascii_lowercase();
    let Ok(number) = digits.parse::<i64>() else { return false };
    let bytes = match unit.as_str() {
        "k" => number.saturating_mul(1024),
        "m" => number.saturating_mul(1024 * 1024),
        "g" => number.saturating_mul(GIBIBYTE),
        _ => number,
    };
    bytes == 0 || bytes >= GIBIBYTE
}
