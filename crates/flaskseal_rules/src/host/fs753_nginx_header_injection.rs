//! FS753: nginx writes decoded text of the client into a header or a request line.

use std::collections::BTreeSet;

use flaskseal_core::{
    Applicability, Assessment, Confidence, Edit, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta,
    Severity, Span,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::nginx::{Configuration, Directive, LevelId, Part, Reach, parts};

use super::PROXY_HYGIENE;
use crate::{Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(753),
    name: "nginx-header-injection",
    summary: "Decoded text of the client, line breaks included, gets into a header or a request line.",
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    controls: &[PROXY_HYGIENE],
    layers: &[Layer::Deploy, Layer::Host],
    cwe: &[113, 93],
    owasp: Some("A03"),
    asvs: &["V4.2.4"],
    fix: FixAvailability::Safe,
    page: include_str!("fs753_nginx_header_injection.md"),
};

pub(crate) struct NginxHeaderInjection;

impl Rule for NginxHeaderInjection {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for configuration in nginx::configurations(project) {
            let mut seen: BTreeSet<Span> = BTreeSet::new();
            for (id, directive) in nginx::directives(configuration) {
                let Some(sink) = Sink::of(directive) else { continue };
                // A file that is included twice is one place.
                if let Some((name, reach)) = sink.broken_by(configuration, id, directive)
                    && seen.insert(directive.span)
                {
                    out.fail(finding(configuration, id, directive, &sink, &name, &reach));
                }
            }
        }
    }
}

/// Where text goes out as it is.
struct Sink<'c> {
    text: &'c str,
    /// In words: "a redirect".
    what: &'static str,
    /// The upstream reads it, and takes only a line feed for the end of a line.
    is_upstream: bool,
    /// A `rewrite` that redirects escapes its groups by number.
    is_rewrite: bool,
}

impl<'c> Sink<'c> {
    fn of(directive: &'c Directive) -> Option<Self> {
        let argument = |index: usize| directive.argument(index);
        let sink = |text: &'c str, what, is_upstream| Self { text, what, is_upstream, is_rewrite: false };
        match directive.name.text.as_str() {
            "return" => {
                let status = argument(0)?;
                match (status.parse::<u16>(), argument(1)) {
                    // Otherwise the text is the body.
                    (Ok(301 | 302 | 303 | 307 | 308), Some(text)) => Some(sink(text, "a redirect", false)),
                    (Ok(_), _) => None,
                    (Err(_), _) => Some(sink(status, "a redirect", false)),
                }
            }
            "rewrite" => {
                let target = argument(1)?;
                let is_absolute = ["http://", "https://", "$scheme"].iter().any(|s| target.starts_with(s));
                let redirects = matches!(argument(2), Some("redirect" | "permanent")) || is_absolute;
                redirects.then(|| Self { is_rewrite: true, ..sink(target, "a redirect", false) })
            }
            "add_header" | "add_trailer" => Some(sink(argument(1)?, "a header", false)),
            "more_set_headers" => Some(sink(directive.arguments.last()?.text.as_str(), "a header", false)),
            "proxy_set_header" | "grpc_set_header" => {
                Some(sink(argument(1)?, "a header of the request", true))
            }
            "proxy_pass" => Some(sink(argument(0)?, "the request line", true)),
            "proxy_method" => Some(sink(argument(0)?, "the request line", true)),
            _ => None,
        }
    }

    /// The variable that carries a line break there, and how.
    fn broken_by(
        &self,
        configuration: &Configuration,
        id: LevelId,
        at: &Directive,
    ) -> Option<(String, Reach)> {
        let mut worst: Option<(String, Reach)> = None;
        for part in parts(self.text) {
            let Part::Variable(name) = part else { continue };
            for reach in configuration.reaches(id, at, &name) {
                let is_escaped = self.is_rewrite && reach.is_numbered && name.len() == 1;
                let breaks = reach.characters.contains(b'\n');
                let returns = !self.is_upstream && reach.characters.contains(b'\r');
                if is_escaped || !(breaks || returns) {
                    continue;
                }
                if breaks {
                    return Some((name, reach));
                }
                worst.get_or_insert((name.clone(), reach));
            }
        }
        worst
    }
}

fn finding(
    configuration: &Configuration,
    id: LevelId,
    directive: &Directive,
    sink: &Sink<'_>,
    name: &str,
    reach: &Reach,
) -> Finding {
    let breaks = reach.characters.contains(b'\n');
    let severity = if breaks { META.severity } else { Severity::Low };
    let code = if breaks { "%0d%0a" } else { "%0d" };
    let message = format!("`${name}` carries `{code}`, decoded, into {}", sink.what);
    let claim = match name {
        "uri" | "document_uri" => "nginx has decoded the path here".to_owned(),
        _ => format!("`${name}` holds a part of the decoded path or of other input"),
    };
    let by = reach.by.filter(|by| *by != directive.span);
    let trail = by.map(|at| nginx::evidence(at, "what it can hold is decided here"));
    let is_path = matches!(name, "uri" | "document_uri");
    let (advice, edits) = match (is_path, sink.what) {
        (true, "a redirect") => {
            ("use `$request_uri`, which is not decoded".to_owned(), edit(directive, name))
        }
        (true, _) => ("use `$request_uri`, which is not decoded, or leave it out".to_owned(), Vec::new()),
        (false, _) => (
            "let the group hold nothing that breaks a line: `[^/\\s]+`, or only letters and digits"
                .to_owned(),
            Vec::new(),
        ),
    };
    let applicability = if edits.is_empty() { Applicability::DisplayOnly } else { Applicability::Safe };
    Finding::new(META.id, severity, META.confidence, nginx::evidence(directive.span, claim), message)
        .with_trail(trail)
        .with_scope(nginx::scope(configuration, id))
        .with_fix(Fix { advice, applicability, edits })
}

/// `$uri` becomes `$request_uri`; a query behind it would come twice, and is the reader's to take out.
fn edit(directive: &Directive, name: &str) -> Vec<Edit> {
    let dollar = format!("${name}");
    let word = directive.arguments.last().filter(|word| word.text.ends_with(&dollar));
    word.map(|word| {
        let length = dollar.len() as u32;
        let quoted = u32::from(word.span.range.end - word.span.range.start > word.text.len() as u32);
        let end = word.span.range.end - quoted;
        Edit {
            span: Span::new(word.span.file, end.saturating_sub(length), end),
            replacement: "$request_uri".to_owned(),
        }
    })
    .into_iter()
    .collect()
}
