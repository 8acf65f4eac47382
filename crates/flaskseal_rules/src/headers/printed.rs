//! What templates print where: shared by the rules that judge it.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, Layer, Request, RuleMeta, Severity, Span,
};
use flaskseal_project::jinja::{Position, Quote, Value};
use flaskseal_project::semantic::{Alphabet, Origin, OriginKind, StepKind};
use flaskseal_project::{Coding, Nature, Piece, Print, Project, TemplateFile, Way};

use crate::flow::example::example;

/// A piece that can do harm at its place, on the way on which it does most.
pub(super) struct Flaw<'p> {
    pub(super) file: &'p TemplateFile,
    pub(super) print: &'p Print,
    pub(super) way: &'p Way,
    pub(super) piece: &'p Piece,
}

/// Every print of a template that browsers read as HTML.
pub(super) fn prints<'p>(
    project: &'p Project<'p>,
) -> impl Iterator<Item = (&'p TemplateFile, &'p Print)> + use<'p> {
    let files = &project.templates.files;
    let is_html: Vec<bool> = files.iter().map(is_html).collect();
    project
        .templates
        .prints
        .iter()
        .filter(move |print| is_html[print.template])
        .map(|print| (&files[print.template], print))
}

/// Whether a template makes HTML: by its name, or because it has elements of HTML.
pub(super) fn is_html(file: &TemplateFile) -> bool {
    let Some(name) = &file.name else { return has_elements(file) };
    let name = name.to_ascii_lowercase();
    let is_named = [".html", ".htm", ".xhtml"].iter().any(|suffix| name.ends_with(suffix));
    let is_data = [".xml", ".svg", ".txt"].iter().any(|suffix| name.ends_with(suffix));
    is_named || !is_data && has_elements(file)
}

pub(super) fn has_elements(file: &TemplateFile) -> bool {
    const NAMES: [&str; 33] = [
        "html", "head", "body", "div", "p", "a", "span", "table", "tr", "td", "ul", "ol", "li", "h1", "h2",
        "h3", "h4", "form", "input", "script", "style", "img", "br", "b", "i", "strong", "em", "button",
        "section", "nav", "link", "select", "iframe",
    ];
    file.markup.tags.iter().any(|tag| NAMES.contains(&&*tag.name))
}

impl<'p> Flaw<'p> {
    /// The worst piece of a print among those that are bad at its place.
    pub(super) fn worst(
        file: &'p TemplateFile,
        print: &'p Print,
        is_bad: impl Fn(&Piece) -> bool,
    ) -> Option<Self> {
        let pieces = print.ways.iter().flat_map(|way| way.pieces.iter().map(move |piece| (way, piece)));
        // The first of the worst, so that the order of calls decides and nothing else.
        let worst = pieces
            .filter(|(_, piece)| is_bad(piece))
            .reduce(|worst, next| if next.1.nature > worst.1.nature { next } else { worst })?;
        Some(Self { file, print, way: worst.0, piece: worst.1 })
    }

    pub(super) fn span(&self) -> Span {
        self.file.span(self.print.tag)
    }

    /// What the piece is called: `request.args["q"]`, or the name in the template.
    pub(super) fn called(&self) -> String {
        match (&self.piece.origin, &self.piece.called) {
            (Some(origin), _) => format!("`{}`", shown(&origin.input)),
            (None, Some(called)) if !called.is_empty() => format!("`{called}`"),
            _ => "a value".to_owned(),
        }
    }

    /// Firm where it is known whose text it is, on a way that is understood.
    pub(super) fn confidence(&self) -> Confidence {
        match &self.piece.origin {
            Some(origin) if origin.hops < 2 => Confidence::Firm,
            _ => Confidence::Tentative,
        }
    }

    pub(super) fn finding(
        &self,
        meta: &RuleMeta,
        severity: Severity,
        confidence: Confidence,
        message: String,
        claim: &str,
        advice: &str,
    ) -> Finding {
        let place = Evidence::at(Layer::Template, self.span(), claim);
        Finding::new(meta.id, severity, confidence, place, message)
            .with_trail(self.trail())
            .with_scope(&*self.print.scope)
            .with_fix(Fix::advice(advice))
    }

    /// A request that brings the first of some texts that gets through to the page; `None` where another request has
    /// to store it before.
    pub(super) fn example(&self, project: &Project<'_>, payloads: &[&str]) -> Option<Request> {
        let origin = self.piece.origin.as_deref().filter(|origin| origin.kind == OriginKind::Request)?;
        let fits = |payload: &&&str| payload.chars().all(|one| self.piece.alphabet.contains(one));
        let payload = payloads.iter().find(fits)?;
        let at: Vec<Span> = self.way.call.into_iter().collect();
        let mut contexts = project.apps.iter().flat_map(|app| project.contexts(app));
        contexts.find_map(|cx| example(&cx, origin, &at, payload))
    }

    /// From where request data is read to the call that renders the template.
    fn trail(&self) -> Vec<Evidence> {
        let mut trail = Vec::new();
        if let Some(origin) = &self.piece.origin {
            trail = steps(origin, self.span());
        }
        if let Some(call) = self.way.call.filter(|call| *call != self.span()) {
            trail.push(Evidence::at(Layer::Source, call, "renders the template"));
        }
        trail
    }
}

fn steps(origin: &Origin, end: Span) -> Vec<Evidence> {
    let mut steps = Vec::new();
    if origin.at != end {
        let claim = match origin.kind {
            OriginKind::Request => format!("`{}` is read here", shown(&origin.input)),
            OriginKind::Stored => format!("`{}` comes out of a store here", shown(&origin.input)),
        };
        steps.push(Evidence::at(Layer::Source, origin.at, claim));
    }
    for step in origin.steps() {
        let claim = match &step.what {
            StepKind::Passed { function, parameter } => format!("passed to `{function}` as `{parameter}`"),
            StepKind::Through(path) => format!("through `{path}`"),
            #[allow(unreachable_patterns, reason = "steps of other kinds say where they are")]
            _ => "changed here".to_owned(),
        };
        steps.push(Evidence::at(Layer::Source, step.at, claim));
    }
    steps
}

/// A source as people write it.
fn shown(input: &str) -> &str {
    input.strip_prefix("flask.").unwrap_or(input)
}

/// Characters that leave the place of a print when they arrive there unescaped; `None` where other rules judge.
pub(super) fn breaks_html(position: &Position) -> Option<Alphabet> {
    Some(match position {
        Position::Text | Position::Unknown | Position::ScriptData | Position::Style => Alphabet::of("<"),
        Position::Comment => Alphabet::of(">"),
        Position::TagName | Position::AttributeList => Alphabet::of(" <>=\"'/"),
        Position::Attribute { value: Value::Script(_) | Value::Srcdoc, .. } | Position::Script(_) => {
            return None;
        }
        Position::Attribute { quote: Quote::Double, .. } => Alphabet::of("\""),
        Position::Attribute { quote: Quote::Single, .. } => Alphabet::of("'"),
        Position::Attribute { quote: Quote::None, .. } => Alphabet::of(" <>=\"'`"),
    })
}

/// Texts that run a script from the place of a print where nothing escapes them.
pub(super) fn scripts(position: &Position) -> &'static [&'static str] {
    match position {
        Position::Comment => &["--><script>alert(1)</script>"],
        Position::Style => &["</style><script>alert(1)</script>"],
        Position::ScriptData => &["</script><script>alert(1)</script>"],
        Position::TagName => &["script>alert(1)</script>", "img src=x onerror=alert(1) "],
        Position::AttributeList | Position::Attribute { quote: Quote::None, .. } => {
            &["x autofocus tabindex=1 onfocus=alert(1) "]
        }
        Position::Attribute { quote: Quote::Double, .. } => {
            &["\" autofocus tabindex=1 onfocus=alert(1) x=\"", "\"><script>alert(1)</script>"]
        }
        Position::Attribute { quote: Quote::Single, .. } => {
            &["' autofocus tabindex=1 onfocus=alert(1) x='", "'><script>alert(1)</script>"]
        }
        Position::Text | Position::Unknown | Position::Script(_) => {
            &["<script>alert(1)</script>", "<img src=x onerror=alert(1)>"]
        }
    }
}

/// A finding's claim with the request that shows it.
pub(super) fn showing(mut finding: Finding, example: Option<Request>) -> Finding {
    if let Some(example) = &example {
        finding.primary.claim = format!("{}: {example}", finding.primary.claim);
    }
    finding.with_example(example)
}

/// Text that leaves its place because nothing escapes it.
pub(super) fn unescaped<'p>(file: &'p TemplateFile, print: &'p Print) -> Option<Flaw<'p>> {
    let breaks = breaks_html(&print.position)?;
    Flaw::worst(file, print, |piece| {
        let is_here = match piece.coding {
            // What Python calls HTML is judged in Python.
            Coding::Marked(Some(at)) => at.file == file.file || piece.nature >= Nature::Stored,
            Coding::Marked(None) | Coding::Bare => true,
            Coding::Plain | Coding::Escaped | Coding::Json | Coding::EscapedJson => false,
        };
        is_here && piece.is_open() && piece.alphabet.meets(breaks)
    })
}

/// Reports what templates print of requests and of stores without escaping.
pub(super) fn report_unescaped(project: &Project<'_>, meta: &RuleMeta, nature: Nature, out: &mut Assessment) {
    for (file, print) in prints(project) {
        let Some(flaw) = unescaped(file, print).filter(|flaw| flaw.piece.nature == nature) else { continue };
        // Markup that Python made of request data was reported where that was done.
        if let Coding::Marked(Some(at)) = flaw.piece.coding
            && at.file != file.file
        {
            continue;
        }
        let how = match flaw.piece.coding {
            Coding::Bare if file.is_escaped => "inside `autoescape false`",
            Coding::Bare => "in a file that Flask does not escape",
            _ => "as it is",
        };
        let (severity, what) = match nature {
            Nature::Request if is_settable(&flaw) => (Severity::High, "of the request"),
            Nature::Request => (Severity::Medium, "of the request"),
            _ => (Severity::Medium, "that was stored"),
        };
        let message = format!("{}, data {what}, is printed {how}", flaw.called());
        let finding = flaw.finding(
            meta,
            severity,
            flaw.confidence(),
            message,
            "becomes HTML",
            "let the template escape it: remove `|safe`, or clean it with nh3 before it is marked as safe",
        );
        out.fail(showing(finding, flaw.example(project, scripts(&print.position))));
    }
}

/// Whether another site can make a visitor's browser send the text.
fn is_settable(flaw: &Flaw<'_>) -> bool {
    let input = flaw.piece.origin.as_ref().map(|origin| origin.input.to_string()).unwrap_or_default();
    !["cookies", "headers", "user_agent", "authorization"]
        .iter()
        .any(|own| input.starts_with(&format!("flask.request.{own}")))
}
