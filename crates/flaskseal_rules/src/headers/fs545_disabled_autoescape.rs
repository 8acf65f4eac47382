//! FS545: autoescaping is off: for a file by its name, for a page by a tag, for an environment by an argument.

use std::collections::BTreeMap;

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::jinja::{ExprKind, Node, NodeKind};
use flaskseal_project::{Coding, Print, Project, Role, TemplateFile, escapes, role_of};
use flaskseal_python::ast::{self, AnyNodeRef, Expr};

use super::{ESCAPED_OUTPUT, printed};
use crate::Rule;
use crate::code::{last_name, within};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(545),
    name: "disabled-autoescape",
    summary: "Autoescaping is off for an environment, an application or a type of file.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[ESCAPED_OUTPUT],
    layers: &[Layer::Source, Layer::Template],
    cwe: &[79, 116],
    owasp: Some("A03"),
    asvs: &["V1.1.2"],
    fix: FixAvailability::None,
    page: include_str!("fs545_disabled_autoescape.md"),
};

/// Further files that a finding names.
const MAX_OTHERS: usize = 8;

pub(crate) struct DisabledAutoescape;

impl Rule for DisabledAutoescape {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_templates(&self, project: &Project<'_>, out: &mut Assessment) {
        by_name(project, out);
        for file in &project.templates.files {
            by_tag(file, out);
        }
        for id in project.tree.ids() {
            let file = project.tree.file(id);
            let mentions =
                ["jinja", "autoescape", "render_template"].iter().any(|word| file.text.contains(word));
            let Some(module) = project.parsed.modules[id.0 as usize].as_ref() else { continue };
            if role_of(&file.path) != Role::Source || !mentions {
                continue;
            }
            let mut nodes = Vec::new();
            for statement in &module.syntax.body {
                nodes.extend(within(AnyNodeRef::from(statement)));
            }
            Source { project, file: id, names: Names::of(&nodes), nodes }.check(out);
        }
    }
}

/// Files with HTML whose names Flask does not escape. All files with one ending are one decision.
fn by_name(project: &Project<'_>, out: &mut Assessment) {
    let mut by_ending: BTreeMap<&str, Vec<(&TemplateFile, &Print)>> = BTreeMap::new();
    for (index, file) in project.templates.files.iter().enumerate() {
        let Some(name) = file.name.as_deref().filter(|_| !file.is_escaped && printed::has_elements(file))
        else {
            continue;
        };
        // Mail may be written as it is.
        let lower = name.to_ascii_lowercase();
        if lower.ends_with(".txt") && (lower.contains("mail") || lower.contains("message")) {
            continue;
        }
        let mut prints = project.templates.prints.iter().filter(|print| print.template == index);
        let bare = prints.find(|print| {
            let mut pieces = print.ways.iter().flat_map(|way| &way.pieces);
            pieces.any(|piece| piece.coding == Coding::Bare && piece.is_open())
        });
        if let Some(bare) = bare {
            let extension = name.rsplit_once('.').map_or(name, |(_, extension)| extension);
            by_ending.entry(extension).or_default().push((file, bare));
        }
    }
    for (extension, files) in by_ending {
        let Some(((file, first), others)) = files.split_first() else { continue };
        let place = Evidence::at(Layer::Template, file.span(first.tag), "printed as it is");
        let calls = first.ways.iter().filter_map(|way| way.call);
        let calls = calls.map(|call| Evidence::at(Layer::Source, call, "renders the template"));
        let others = others.iter().take(MAX_OTHERS).map(|(file, print)| {
            Evidence::at(Layer::Template, file.span(print.tag), "printed as it is, too")
        });
        let message = match files.len() {
            1 => format!("Flask does not escape what a `.{extension}` file prints, and this one holds HTML"),
            count => format!(
                "Flask does not escape what `.{extension}` files print, and {count} of them hold HTML"
            ),
        };
        out.fail(
            Finding::new(META.id, Severity::High, Confidence::Certain, place, message)
                .with_trail(calls.chain(others))
                .with_fix(Fix::advice("let the names end with `.html`, `.htm`, `.xml` or `.xhtml`")),
        );
    }
}

/// `{% autoescape false %}` around a page.
fn by_tag(file: &TemplateFile, out: &mut Assessment) {
    file.template.walk(&mut |node| {
        if let NodeKind::Autoescape { on, body } = &node.kind
            && matches!(on.kind, ExprKind::Bool(false))
            && is_around_everything(file, node)
            && prints(body)
        {
            let place = Evidence::at(Layer::Template, file.span(node.tag), "escaping is off from here");
            out.fail(
                Finding::new(
                    META.id,
                    Severity::High,
                    Confidence::Certain,
                    place,
                    "a whole page is printed without escaping",
                )
                .with_fix(Fix::advice("remove the `autoescape` block, and mark what is HTML by itself")),
            );
        }
    });
}

fn prints(body: &[Node]) -> bool {
    let mut found = false;
    for node in body {
        node.walk(&mut |node| found |= matches!(node.kind, NodeKind::Output(_)));
    }
    found
}

/// Whether a block covers the page: it holds the page's body, or all that its template or block consists of.
pub(super) fn is_around_everything(file: &TemplateFile, node: &Node) -> bool {
    let text = file.text(node.range).to_ascii_lowercase();
    text.contains("<body") || text.contains("<html") || text.contains("{% block")
}

/// One file of Python.
struct Source<'p> {
    project: &'p Project<'p>,
    file: flaskseal_core::FileId,
    names: Names,
    nodes: Vec<AnyNodeRef<'p>>,
}

/// Names under which a file knows Jinja.
#[derive(Default)]
struct Names {
    modules: Vec<String>,
    /// Local names, with what they are in `jinja2`.
    members: Vec<(String, String)>,
}

impl Names {
    fn of(nodes: &[AnyNodeRef<'_>]) -> Self {
        let mut names = Self::default();
        for node in nodes {
            match node {
                AnyNodeRef::StmtImport(import) => {
                    for alias in &import.names {
                        if alias.name.as_str().split('.').next() == Some("jinja2") {
                            let local = alias.asname.as_ref().unwrap_or(&alias.name);
                            names.modules.push(local.as_str().to_owned());
                        }
                    }
                }
                AnyNodeRef::StmtImportFrom(import) => {
                    let module = import.module.as_deref().unwrap_or_default();
                    if module.split('.').next() == Some("jinja2") {
                        for alias in &import.names {
                            let local = alias.asname.as_ref().unwrap_or(&alias.name);
                            names.members.push((local.as_str().to_owned(), alias.name.as_str().to_owned()));
                        }
                    }
                }
                _ => {}
            }
        }
        names
    }

    /// What an expression is in `jinja2`.
    fn resolve<'e>(&'e self, callee: &'e Expr) -> Option<&'e str> {
        match callee {
            Expr::Name(name) => {
                let found = self.members.iter().find(|(local, _)| local == name.id.as_str());
                found.map(|(_, member)| member.as_str())
            }
            Expr::Attribute(attribute) => {
                let is_module = match &*attribute.value {
                    Expr::Name(name) => self.modules.iter().any(|module| module == name.id.as_str()),
                    Expr::Attribute(inner) => match &*inner.value {
                        Expr::Name(name) => self.modules.iter().any(|module| {
                            module == name.id.as_str()
                                || module
                                    .strip_prefix(name.id.as_str())
                                    .is_some_and(|rest| rest.starts_with('.'))
                        }),
                        _ => false,
                    },
                    _ => false,
                };
                is_module.then(|| attribute.attr.as_str())
            }
            _ => None,
        }
    }
}

impl<'p> Source<'p> {
    fn check(&self, out: &mut Assessment) {
        for node in &self.nodes {
            match node {
                AnyNodeRef::ExprCall(call) => self.call(call, out),
                AnyNodeRef::StmtAssign(assign) => self.assignment(assign, out),
                AnyNodeRef::StmtFunctionDef(function)
                    if function.name.as_str() == "select_jinja_autoescape" =>
                {
                    self.selector(function, out);
                }
                _ => {}
            }
        }
    }

    fn span(&self, node: &impl flaskseal_python::Ranged) -> Span {
        Span { file: self.file, range: flaskseal_python::range_of(node) }
    }

    fn fail(
        &self,
        span: Span,
        severity: Severity,
        confidence: Confidence,
        message: &str,
        advice: &str,
        out: &mut Assessment,
    ) {
        let place = Evidence::at(Layer::Source, span, "nothing is escaped");
        out.fail(Finding::new(META.id, severity, confidence, place, message).with_fix(Fix::advice(advice)));
    }

    fn call(&self, call: &'p ast::ExprCall, out: &mut Assessment) {
        let keyword = |name: &str| {
            call.arguments
                .keywords
                .iter()
                .find(|keyword| keyword.arg.as_ref().is_some_and(|arg| arg.as_str() == name))
        };
        if matches!(last_name(&call.func), Some("render_template" | "stream_template")) {
            return self.rendered(call, out);
        }
        let is_open = call.arguments.keywords.iter().any(|keyword| keyword.arg.is_none());
        match self.names.resolve(&call.func) {
            Some(
                "Environment"
                | "SandboxedEnvironment"
                | "ImmutableSandboxedEnvironment"
                | "NativeEnvironment",
            ) => {
                let autoescape = keyword("autoescape").map(|keyword| &keyword.value);
                if is_open || autoescape.is_some_and(|value| self.is_on(value)) {
                    return;
                }
                let Some(severity) = self.weight() else { return };
                let confidence =
                    if severity == Severity::Low { Confidence::Tentative } else { Confidence::Firm };
                let message = match autoescape {
                    None => "an environment of Jinja is made without `autoescape`, whose default is off",
                    Some(_) => "an environment of Jinja is made with autoescaping off",
                };
                self.fail(
                    self.span(call),
                    severity,
                    confidence,
                    message,
                    "pass `autoescape=select_autoescape()`",
                    out,
                );
            }
            Some("Template") => {
                let is_on = keyword("autoescape").is_some_and(|keyword| self.is_on(&keyword.value));
                let text = match call.arguments.args.first() {
                    Some(Expr::StringLiteral(text)) => Some(text.value.to_str()),
                    _ => None,
                };
                // Text that is no HTML needs no escaping.
                let is_html = text.is_none_or(|text| text.contains('<') && text.contains("{{"));
                let Some(severity) = self.weight().filter(|_| is_html && !is_on && !is_open) else { return };
                let confidence =
                    if severity == Severity::Low { Confidence::Tentative } else { Confidence::Firm };
                self.fail(
                    self.span(call),
                    severity,
                    confidence,
                    "a template made by `jinja2.Template` is not escaped",
                    "use `render_template_string`, which escapes, or pass `autoescape=True`",
                    out,
                );
            }
            _ => {}
        }
    }

    /// `render_template("page.txt")` whose file is not in the tree, returned as a page.
    fn rendered(&self, call: &'p ast::ExprCall, out: &mut Assessment) {
        let Some(Expr::StringLiteral(name)) = call.arguments.args.first() else { return };
        let name = name.value.to_str();
        const TEXTS: [&str; 17] = [
            "txt", "js", "css", "json", "csv", "ics", "yaml", "yml", "toml", "ini", "conf", "sh", "md",
            "rst", "sql", "plist", "vcf",
        ];
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let is_text = TEXTS[1..].contains(&extension)
            || matches!(name, "robots.txt" | "security.txt" | "humans.txt" | "ads.txt");
        let is_here = self.project.templates.named(name, "", self.project.tree).is_some()
            || self.project.tree.paths.iter().any(|path| path.path.ends_with(name));
        if escapes(name, self.project.flask_version()) || is_text || is_here || extension.is_empty() {
            return;
        }
        let range = flaskseal_python::range_of(call);
        let is_returned = self.nodes.iter().any(|node| match node {
            AnyNodeRef::StmtReturn(statement) => match statement.value.as_deref() {
                Some(Expr::Call(returned)) => flaskseal_python::range_of(returned) == range,
                _ => false,
            },
            _ => false,
        });
        if is_returned {
            self.fail(
                self.span(call),
                Severity::Medium,
                Confidence::Firm,
                &format!("Flask does not escape what a `.{extension}` template prints, and this one is returned as a page"),
                "let the name end with `.html`, `.htm`, `.xml` or `.xhtml`",
                out,
            );
        }
    }

    /// How much an environment of this file weighs; `None` where it makes no HTML.
    fn weight(&self) -> Option<Severity> {
        let mut names: Vec<&str> = Vec::new();
        let mut is_returned = false;
        for node in &self.nodes {
            match node {
                AnyNodeRef::ExprCall(call) if last_name(&call.func) == Some("get_template") => {
                    if let Some(Expr::StringLiteral(name)) = call.arguments.args.first() {
                        names.push(name.value.to_str());
                    }
                }
                AnyNodeRef::StmtFunctionDef(function) if self.is_view(function) => {
                    for inner in within(AnyNodeRef::from(*function)) {
                        let AnyNodeRef::StmtReturn(statement) = inner else { continue };
                        is_returned |= statement.value.as_deref().is_some_and(|value| {
                            within(AnyNodeRef::from(value)).iter().any(|inner| {
                                matches!(inner, AnyNodeRef::ExprCall(call)
                                    if matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "render"))
                            })
                        });
                    }
                }
                _ => {}
            }
        }
        let is_html = |name: &str| name.contains(".htm") || name.contains(".xhtml");
        if !names.is_empty() && !names.iter().any(|name| is_html(name)) {
            return None;
        }
        Some(if is_returned { Severity::High } else { Severity::Low })
    }

    fn is_view(&self, function: &ast::StmtFunctionDef) -> bool {
        function.decorator_list.iter().any(|decorator| {
            let callee = match &decorator.expression {
                Expr::Call(call) => &call.func,
                other => other,
            };
            matches!(last_name(callee), Some("route" | "get" | "post" | "put" | "delete" | "patch"))
        })
    }

    fn assignment(&self, assign: &'p ast::StmtAssign, out: &mut Assessment) {
        for target in &assign.targets {
            let is_switch = match target {
                Expr::Attribute(attribute) => match attribute.attr.as_str() {
                    "autoescape" => last_name(&attribute.value) == Some("jinja_env"),
                    "select_jinja_autoescape" => {
                        if let Expr::Lambda(lambda) = &*assign.value
                            && is_false(&lambda.body)
                        {
                            self.flask_is_off(self.span(assign), out);
                        }
                        false
                    }
                    "jinja_options" => {
                        self.options(assign, out);
                        false
                    }
                    _ => false,
                },
                Expr::Name(name) if name.id.as_str() == "jinja_options" => {
                    self.options(assign, out);
                    false
                }
                Expr::Subscript(item) => {
                    last_name(&item.value) == Some("jinja_options")
                        && matches!(&*item.slice, Expr::StringLiteral(key) if key.value.to_str() == "autoescape")
                }
                _ => false,
            };
            if is_switch && !self.is_on(&assign.value) {
                self.flask_is_off(self.span(assign), out);
            }
        }
    }

    /// `jinja_options = {"autoescape": False}`, or a call of `dict`.
    fn options(&self, assign: &'p ast::StmtAssign, out: &mut Assessment) {
        let value = match &*assign.value {
            Expr::Dict(dict) => dict.items.iter().find_map(|item| match &item.key {
                Some(Expr::StringLiteral(key)) if key.value.to_str() == "autoescape" => Some(&item.value),
                _ => None,
            }),
            Expr::Call(call) if last_name(&call.func) == Some("dict") => call
                .arguments
                .keywords
                .iter()
                .find(|keyword| keyword.arg.as_ref().is_some_and(|arg| arg.as_str() == "autoescape"))
                .map(|keyword| &keyword.value),
            _ => None,
        };
        if value.is_some_and(|value| !self.is_on(value)) {
            self.flask_is_off(self.span(assign), out);
        }
    }

    /// An override that says no, or that looks for endings without those of HTML.
    fn selector(&self, function: &'p ast::StmtFunctionDef, out: &mut Assessment) {
        let inner = within(AnyNodeRef::from(function));
        let mut returns = inner.iter().filter_map(|node| match node {
            AnyNodeRef::StmtReturn(statement) => statement.value.as_deref(),
            _ => None,
        });
        let text = self.project.tree.file(self.file).slice(flaskseal_python::range_of(function));
        let is_off = returns.clone().count() > 0 && returns.all(is_false);
        let lists_endings = text.contains("endswith") && !text.contains("htm") && !text.contains("super()");
        if is_off || lists_endings {
            self.flask_is_off(self.span(&function.name), out);
        }
    }

    fn flask_is_off(&self, span: Span, out: &mut Assessment) {
        self.fail(
            span,
            Severity::High,
            Confidence::Certain,
            "the application prints templates without escaping",
            "remove it: Flask escapes `.html`, `.htm`, `.xml` and `.xhtml` by itself",
            out,
        );
    }

    /// Whether a value of `autoescape` escapes HTML, as far as it is written here.
    fn is_on(&self, value: &Expr) -> bool {
        match value {
            Expr::BooleanLiteral(literal) => literal.value,
            Expr::NoneLiteral(_) => false,
            Expr::NumberLiteral(literal) => {
                !matches!(&literal.value, ast::Number::Int(number) if number.as_u8() == Some(0))
            }
            Expr::Lambda(lambda) => !is_false(&lambda.body),
            Expr::Call(call) if last_name(&call.func) == Some("select_autoescape") => {
                let enabled = call.arguments.find_argument_value("enabled_extensions", 0);
                match enabled {
                    Some(
                        Expr::List(ast::ExprList { elts, .. }) | Expr::Tuple(ast::ExprTuple { elts, .. }),
                    ) => {
                        let texts: Vec<&str> = elts
                            .iter()
                            .filter_map(|element| match element {
                                Expr::StringLiteral(text) => Some(text.value.to_str()),
                                _ => None,
                            })
                            .collect();
                        texts.len() < elts.len() || texts.iter().any(|text| text.contains("htm")) || {
                            // What is not listed may be escaped by default.
                            call.arguments
                                .find_argument_value("default", 3)
                                .is_some_and(|value| !is_false(value))
                        }
                    }
                    _ => true,
                }
            }
            _ => true,
        }
    }
}

fn is_false(value: &Expr) -> bool {
    matches!(value, Expr::BooleanLiteral(literal) if !literal.value) || matches!(value, Expr::NoneLiteral(_))
}
