//! The headers that responses leave with, as far as the tree tells: who sets each, to what, and on which responses.
//!
//! Whatever sets a header gives the same facts, so that the rules ask one model and not each library: hooks that run
//! after requests, Talisman, `secure`, writes in single views and decorators, subclasses of the response. Layers in
//! front of the application add to the list under their own name.

use std::collections::BTreeSet;
use std::sync::Arc;

use flaskseal_core::{Evidence, Gap, Layer, Span};
use flaskseal_project::models::Models;
use flaskseal_project::semantic::{Context as When, Event, Fact, FactKind, Outcome};
use flaskseal_project::{Context, Role, role_of};
use flaskseal_python::ast::{AnyNodeRef, Expr};

use super::{front, talisman};
use crate::answer::{Views, runs, views};
use crate::code::{enclosing, span_of, words};
use crate::reach::{Mentions, Reach};

/// A header, set by somebody.
#[derive(Clone, Debug)]
pub(super) struct Header {
    /// In lower case.
    pub(super) name: String,
    pub(super) value: Value,
    /// The part of the request that the value comes from: `flask.request.headers["Origin"]`.
    pub(super) input: Option<Arc<str>>,
    pub(super) scope: Scope,
    pub(super) layer: Layer,
    pub(super) span: Span,
    /// Who sets it, for messages: "Talisman", "`add_headers`".
    pub(super) by: String,
}

/// What a header is set to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Value {
    Exact(String),
    /// Text with holes, which stand in braces: `script-src 'nonce-{flask.g.nonce}'`.
    Partial(String),
    Unknown,
}

impl Value {
    pub(super) fn of(fact: &Fact) -> Self {
        match &fact.by_default().kind {
            FactKind::Str(rope) => match rope.as_literal() {
                Some(text) => Self::Exact(text.to_owned()),
                None => Self::Partial(rope.to_string()),
            },
            FactKind::Int(number) => Self::Exact(number.to_string()),
            FactKind::Path(path) => Self::Partial(format!("{{{path}}}")),
            _ => Self::Unknown,
        }
    }

    /// The text, holes in braces.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Exact(text) | Self::Partial(text) => Some(text),
            Self::Unknown => None,
        }
    }

    pub(super) fn exact(&self) -> Option<&str> {
        match self {
            Self::Exact(text) => Some(text),
            Self::Partial(_) | Self::Unknown => None,
        }
    }
}

/// Which responses have it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Scope {
    /// All of them, or all that are HTML.
    All,
    /// Those of a blueprint.
    Blueprint(String),
    /// Those of some views.
    Views(Vec<Span>),
    /// Those that a condition on the request lets through.
    Conditional,
    /// None: it is set on an object that is thrown away.
    Discarded,
    /// It is set, and where that arrives is not followed.
    Unknown,
}

/// What is known of a header on the responses of the application.
pub(super) enum Coverage<'h> {
    /// Set on all of them; the strongest layer first.
    All(Vec<&'h Header>),
    /// Set on some of them.
    Some(Vec<&'h Header>),
    /// It may be set.
    Unknown(Gap),
    Missing,
}

/// Headers that protect a page.
pub(super) const PROTECTING: &[&str] = &[
    "content-security-policy",
    "x-frame-options",
    "x-content-type-options",
    "strict-transport-security",
    "referrer-policy",
];

/// Every header that somebody sets.
pub(super) struct Headers<'p> {
    cx: Context<'p>,
    pub(super) list: Arc<Vec<Header>>,
}

impl<'p> Headers<'p> {
    pub(super) fn of(cx: &Context<'p>) -> Self {
        let list = cx.once(|| {
            let mut list = talisman::headers(cx);
            libraries(cx, &mut list);
            list.extend(written(cx));
            front::join(cx, &mut list);
            list.sort_by(|a, b| (&a.name, b.layer, a.span).cmp(&(&b.name, a.layer, b.span)));
            list
        });
        Self { cx: *cx, list }
    }

    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = &Header> {
        self.list.iter().filter(move |header| header.name == name)
    }

    /// Whether every response has the header. `name` is in lower case.
    pub(super) fn coverage(&self, name: &str) -> Coverage<'_> {
        let all: Vec<&Header> = self.named(name).filter(|header| header.scope == Scope::All).collect();
        if !all.is_empty() {
            return Coverage::All(all);
        }
        if let Some(unknown) = self.named(name).find(|header| header.scope == Scope::Unknown) {
            let reason = format!("where `{}` that is set here arrives is not followed", unknown.name);
            return Coverage::Unknown(Gap::at(unknown.span, reason, ""));
        }
        if let Some(gap) = self.unseen(name) {
            return Coverage::Unknown(gap);
        }
        let some: Vec<&Header> = self.named(name).filter(|header| header.scope != Scope::Discarded).collect();
        if some.is_empty() { Coverage::Missing } else { Coverage::Some(some) }
    }

    /// Why the header may be set though nothing was seen to set it.
    fn unseen(&self, name: &str) -> Option<Gap> {
        let cx = &self.cx;
        if cx.evaluation.outcome != Outcome::Started {
            return Some(Gap::new("the start was not followed to its end", ""));
        }
        if self.named(name).next().is_none()
            && let Some(file) = mentioned(cx, name)
        {
            return Some(Gap::new(format!("`{file}` speaks of `{name}` in a way that is not followed"), ""));
        }
        unseen_middleware(cx).or_else(|| front::unseen(cx, name)).or_else(|| unseen_proxy(cx))
    }

    /// Whether nothing at all is set that protects a page.
    pub(super) fn has_none(&self) -> bool {
        !self.list.iter().any(|header| PROTECTING.contains(&header.name.as_str()))
    }

    /// Evidence at the place where a header is set.
    pub(super) fn evidence(&self, header: &Header, claim: impl Into<String>) -> Evidence {
        Evidence::at(header.layer, header.span, claim)
    }
}

/// A proxy that the application says it stands behind, and whose configuration is not in the tree.
fn unseen_proxy(cx: &Context<'_>) -> Option<Gap> {
    if front::is_known(cx) {
        return None;
    }
    let fix = cx.calls("proxy.fix").find(|call| call.context == When::Start && runs(&call.guard))?;
    let reason = "the application stands behind a proxy whose configuration is not in the tree";
    Some(Gap::at(fix.span, reason, "scan it together with the proxy's configuration"))
}

/// A library's middleware around the application whose name says that it adds headers.
fn unseen_middleware(cx: &Context<'_>) -> Option<Gap> {
    const WORDS: &[&str] =
        &["csp", "frame", "header", "headers", "helmet", "hsts", "policy", "secure", "security"];
    let set = cx.calls("app.set-attribute").filter(|call| call.context == When::Start && runs(&call.guard));
    set.filter(|call| call.positional.first().and_then(Fact::as_str) == Some("wsgi_app")).find_map(|call| {
        let path = call.positional.get(1)?.as_path()?;
        let adds = words(path).iter().any(|word| WORDS.contains(&word.as_str()));
        let is_modelled = Models::bundled().has_role(path.trim_end_matches("()"), "headers.csp-middleware");
        (adds && !is_modelled).then(|| {
            Gap::at(
                call.span,
                format!("`{}` wraps the application and may add headers", path.trim_end_matches("()")),
                "",
            )
        })
    })
}

/// A file that production loads and that has the header's name in a text.
fn mentioned<'p>(cx: &Context<'p>, name: &str) -> Option<&'p str> {
    let title = name.split('-').map(capitalised).collect::<Vec<_>>().join("-");
    let files = cx.evaluation.loaded.iter().map(|file| cx.project.tree.file(*file));
    let mut files = files.filter(|file| role_of(&file.path) == Role::Source);
    let file = files.find(|file| {
        [name, title.as_str()].iter().any(|spelling| {
            ["\"", "'"].iter().any(|quote| file.text.contains(&format!("{quote}{spelling}{quote}")))
        })
    })?;
    Some(&file.path)
}

fn capitalised(word: &str) -> String {
    let mut characters = word.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

/// Headers of libraries that send what their documentation says.
fn libraries(cx: &Context<'_>, list: &mut Vec<Header>) {
    for call in cx.calls("headers.sslify").filter(|call| call.context == When::Start && runs(&call.guard)) {
        let age = match call.keyword("age").map(Value::of) {
            Some(Value::Exact(age)) => age,
            _ => "31536000".to_owned(),
        };
        let subdomains = call.keyword("subdomains").and_then(Fact::truth) == Some(true);
        let value =
            if subdomains { format!("max-age={age}; includeSubDomains") } else { format!("max-age={age}") };
        list.push(header(
            "strict-transport-security",
            Value::Exact(value),
            Scope::All,
            call.span,
            "Flask-SSLify",
        ));
    }
    for call in cx.calls("headers.secure") {
        let scope = match call.function {
            Some(function) => hook_scope(cx, function).unwrap_or(Scope::Unknown),
            None => Scope::Unknown,
        };
        for (name, value) in [
            ("strict-transport-security", Value::Unknown),
            ("x-frame-options", Value::Exact("SAMEORIGIN".to_owned())),
            ("x-content-type-options", Value::Exact("nosniff".to_owned())),
            ("referrer-policy", Value::Exact("strict-origin-when-cross-origin".to_owned())),
        ] {
            list.push(header(name, value, scope.clone(), call.span, "`secure`"));
        }
        // The policy is one of the options, in some versions with a default.
        list.push(header("content-security-policy", Value::Unknown, scope, call.span, "`secure`"));
    }
    for call in
        cx.calls("headers.csp-middleware").filter(|call| call.context == When::Start && runs(&call.guard))
    {
        if let Some(policy) = talisman::policy(call.positional.get(1), None) {
            list.push(header("content-security-policy", policy, Scope::All, call.span, "a middleware"));
        }
    }
    for call in cx.calls("headers.csp") {
        let views = decorated_by(cx, call.span);
        let scope = if views.is_empty() { Scope::Unknown } else { Scope::Views(views) };
        list.push(header("content-security-policy", Value::Unknown, scope, call.span, "Flask-CSP"));
    }
}

/// The scope of the hook that a function is, where it runs after requests.
fn hook_scope(cx: &Context<'_>, function: Span) -> Option<Scope> {
    cx.app?.hooks.iter().find_map(|hook| {
        let is_it = matches!(&hook.function.kind, FactKind::Function(known) if known.span == function);
        let is_after = matches!(hook.name.as_str(), "after_request" | "after_app_request");
        (is_it && is_after).then(|| match &hook.blueprint {
            Some(name) if !hook.is_global() => Scope::Blueprint(name.clone()),
            _ => Scope::All,
        })
    })
}

/// The functions whose decorators include the one at a place.
pub(super) fn decorated_by(cx: &Context<'_>, decorator: Span) -> Vec<Span> {
    let decorated = cx.evaluation.decorated.iter().filter(|known| {
        known
            .decorators
            .iter()
            .any(|(_, span)| span.file == decorator.file && span.range.encloses(decorator.range))
    });
    decorated.map(|known| known.function).collect()
}

pub(super) fn header(name: &str, value: Value, scope: Scope, span: Span, by: &str) -> Header {
    Header {
        name: name.to_ascii_lowercase(),
        value,
        input: None,
        scope,
        layer: Layer::Source,
        span,
        by: by.to_owned(),
    }
}

/// Headers that the program's own code writes.
fn written(cx: &Context<'_>) -> Vec<Header> {
    let mut places = Places::of(cx);
    let mut found: Vec<(Header, Option<Span>)> = Vec::new();
    let mut seen = BTreeSet::new();
    for event in cx.calls("header.set") {
        if !writes_headers(event) || !runs(&event.guard) {
            continue;
        }
        for (name, fact) in pairs(event) {
            if seen.insert((event.span, name.clone())) {
                let scope = places.scope(event);
                let by = format!("`{}`", event.scope.rsplit('.').next().unwrap_or_default());
                let input = fact.origin().map(|origin| origin.input.clone());
                let header = Header { input, ..header(&name, Value::of(fact), scope, event.span, &by) };
                found.push((header, event.function));
            }
        }
    }
    for function in &cx.evaluation.functions {
        for (name, value, at) in returned(&function.returns) {
            let name: String = name;
            if seen.insert((at.unwrap_or(function.span), name.clone())) {
                let by = format!("`{}`", function.qualified_name.rsplit('.').next().unwrap_or_default());
                let scope = Scope::Views(vec![function.span]);
                found.push((
                    header(&name, value, scope, at.unwrap_or(function.span), &by),
                    Some(function.span),
                ));
            }
        }
    }
    for (function, name, value, span) in properties(cx, &mut places) {
        let by = "the response";
        found.push((header(&name, value, places.scope_of(function, span), span, by), Some(function)));
    }
    join_branches(&mut found);
    found.into_iter().map(|(header, _)| header).collect()
}

/// A header that both branches of a condition set is set whatever the condition says.
fn join_branches(found: &mut [(Header, Option<Span>)]) {
    let conditional: Vec<(String, Option<Span>)> = found
        .iter()
        .filter(|(header, _)| header.scope == Scope::Conditional)
        .map(|(header, function)| (header.name.clone(), *function))
        .collect();
    for (header, function) in found.iter_mut() {
        let alike =
            conditional.iter().filter(|(name, place)| *name == header.name && place == function).count();
        if header.scope == Scope::Conditional && alike > 1 {
            header.scope = Scope::All;
        }
    }
}

/// Whether a call writes the headers of a response, and not those of a request to somewhere else.
fn writes_headers(event: &Event) -> bool {
    let Some((receiver, _)) = event.path.rsplit_once('.') else { return false };
    receiver.ends_with(".headers")
        && !["requests.", "httpx.", "aiohttp.", "urllib", "flask.request.headers", "email."]
            .iter()
            .any(|client| receiver.starts_with(client))
}

/// The headers that a call writes: one, or those of a mapping.
fn pairs(event: &Event) -> Vec<(String, &Fact)> {
    fn of_name(name: &Fact) -> Option<String> {
        name.by_default().as_str().map(str::to_ascii_lowercase)
    }
    fn of_mapping(mapping: &Fact) -> Vec<(String, &Fact)> {
        match &mapping.kind {
            FactKind::Dict { entries, .. } => {
                entries.iter().filter_map(|(name, value)| Some((of_name(name)?, value))).collect()
            }
            FactKind::Sequence { items, .. } => items
                .iter()
                .filter_map(|item| match &item.kind {
                    FactKind::Sequence { items, .. } => match items.as_slice() {
                        [name, value] => Some((of_name(name)?, value)),
                        _ => None,
                    },
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }
    match event.positional.as_slice() {
        [name, value, ..] => of_name(name).map(|name| (name, value)).into_iter().collect(),
        [mapping] => mapping
            .alternatives()
            .into_iter()
            .filter(|(_, guard)| runs(guard))
            .flat_map(|(mapping, _)| of_mapping(mapping))
            .collect(),
        [] => Vec::new(),
    }
}

/// The headers of `return body, status, {"Name": "value"}`.
fn returned(fact: &Fact) -> Vec<(String, Value, Option<Span>)> {
    let mut found = Vec::new();
    for (fact, _) in fact.alternatives() {
        let FactKind::Sequence { items, open: false } = &fact.kind else { continue };
        if !(2..=3).contains(&items.len()) {
            continue;
        }
        if let Some(FactKind::Dict { entries, .. }) = items.last().map(|item| &item.kind) {
            found.extend(entries.iter().filter_map(|(name, value)| {
                Some((name.as_str()?.to_ascii_lowercase(), Value::of(value), fact.at.or(value.at)))
            }));
        }
    }
    // What a view returns as JSON is no header.
    found.retain(|(name, ..)| {
        name.contains('-') || matches!(name.as_str(), "location" | "allow" | "pragma" | "vary")
    });
    found
}

/// Where code runs, seen from the responses.
struct Places<'p> {
    cx: Context<'p>,
    /// Functions that hooks after requests run, with the hook's scope.
    hooked: Vec<(Span, Scope)>,
    /// Functions that run before requests, whose responses nobody sends unless they are returned.
    before: Vec<Span>,
    views: Arc<Views>,
}

impl<'p> Places<'p> {
    fn of(cx: &Context<'p>) -> Self {
        let reach = Reach::new(cx);
        let mut hooked = Vec::new();
        let mut before = Vec::new();
        for hook in cx.app.map(|app| app.hooks.as_slice()).unwrap_or_default() {
            let FactKind::Function(function) = &hook.function.kind else { continue };
            match hook.name.as_str() {
                "after_request" | "after_app_request" => {
                    let scope = match &hook.blueprint {
                        Some(name) if !hook.is_global() => Scope::Blueprint(name.clone()),
                        _ => Scope::All,
                    };
                    hooked
                        .extend(reach.of(function.span).into_iter().map(|known| (known.span, scope.clone())));
                }
                "before_request" | "before_app_request" => before.push(function.span),
                _ => {}
            }
        }
        Self { cx: *cx, hooked, before, views: views(cx) }
    }

    fn scope(&self, event: &Event) -> Scope {
        match event.function {
            Some(function) => self.scope_of(function, event.span),
            None => Scope::Unknown,
        }
    }

    /// The scope of what a function writes at a place.
    fn scope_of(&self, function: Span, at: Span) -> Scope {
        if let Some((_, scope)) = self.hooked.iter().find(|(hooked, _)| *hooked == function) {
            return match condition(&self.cx, at) {
                Condition::None => scope.clone(),
                Condition::Request => Scope::Conditional,
                Condition::Other => Scope::Unknown,
            };
        }
        if self.before.contains(&function) {
            return Scope::Discarded;
        }
        if self.views.contains(&function) {
            return Scope::Views(vec![function]);
        }
        // The wrapper inside a decorator writes on the responses of what is decorated.
        let decorated: Vec<Span> = self
            .cx
            .evaluation
            .decorated
            .iter()
            .filter(|known| {
                known.decorators.iter().any(|(decorator, _)| match &decorator.kind {
                    FactKind::Function(decorator) => {
                        decorator.span != function
                            && decorator.span.file == function.file
                            && decorator.span.range.encloses(function.range)
                    }
                    _ => false,
                })
            })
            .map(|known| known.function)
            .collect();
        if !decorated.is_empty() {
            return Scope::Views(decorated);
        }
        if self.is_response_class(function) { Scope::All } else { Scope::Unknown }
    }

    /// Whether a function is a method of a response class that the application uses for all its responses.
    fn is_response_class(&self, function: Span) -> bool {
        let is_response = enclosing(&self.cx, function).into_iter().any(|node| match node {
            AnyNodeRef::StmtClassDef(class) => class
                .bases()
                .iter()
                .any(|base| crate::code::last_name(base).is_some_and(|name| name.ends_with("Response"))),
            _ => false,
        });
        is_response
            && self
                .cx
                .evaluation
                .loaded
                .iter()
                .any(|file| self.cx.project.tree.file(*file).text.contains("response_class"))
    }
}

/// What decides whether code of a hook runs.
enum Condition {
    None,
    /// The path, the method, the status.
    Request,
    /// Something that is not told apart.
    Other,
}

/// The conditions around a place, up to its function. That a request came over HTTPS, that a response is HTML and that
/// the header is not there yet are none.
fn condition(cx: &Context<'_>, at: Span) -> Condition {
    let mut result = Condition::None;
    for node in enclosing(cx, at) {
        let AnyNodeRef::StmtIf(statement) = node else {
            if matches!(node, AnyNodeRef::StmtFunctionDef(_)) {
                break;
            }
            continue;
        };
        let mut mentions = Mentions::default();
        mentions.add(AnyNodeRef::from(&*statement.test));
        let is_harmless =
            mentions.any_name(&["is_secure", "scheme", "content_type", "mimetype", "is_json", "headers"])
                || mentions.any_text(&["text/html", "x-forwarded-proto", "https"]);
        let is_about_request = mentions.any_name(&[
            "path",
            "endpoint",
            "blueprint",
            "method",
            "status_code",
            "status",
            "url",
            "url_rule",
            "full_path",
            "args",
        ]);
        if is_about_request && !mentions.any_text(&["text/html"]) {
            return Condition::Request;
        }
        if !is_harmless {
            result = Condition::Other;
        }
    }
    result
}

/// Properties of Werkzeug's responses that stand for headers: `response.access_control_allow_origin = "*"`. In functions
/// that hooks run and in views.
fn properties(cx: &Context<'_>, places: &mut Places<'_>) -> Vec<(Span, String, Value, Span)> {
    const PROPERTIES: &[&str] = &[
        "access_control_allow_origin",
        "content_security_policy",
        "content_security_policy_report_only",
        "cross_origin_embedder_policy",
        "cross_origin_opener_policy",
    ];
    let files: BTreeSet<_> = cx
        .evaluation
        .loaded
        .iter()
        .copied()
        .filter(|file| {
            let file = cx.project.tree.file(*file);
            role_of(&file.path) == Role::Source
                && PROPERTIES.iter().any(|property| file.text.contains(property))
        })
        .collect();
    let mut found = Vec::new();
    if files.is_empty() {
        return found;
    }
    let functions = places.hooked.iter().map(|(function, _)| function).chain(places.views.iter());
    for function in
        functions.copied().filter(|function| files.contains(&function.file)).collect::<BTreeSet<_>>()
    {
        let Some(node) = crate::access::function_at(cx, function) else { continue };
        for node in node.body.iter().flat_map(|statement| crate::code::within(AnyNodeRef::from(statement))) {
            let AnyNodeRef::StmtAssign(assign) = node else { continue };
            let [Expr::Attribute(target)] = assign.targets.as_slice() else { continue };
            let name = target.attr.id.as_str();
            if PROPERTIES.contains(&name) {
                let value = match &*assign.value {
                    Expr::StringLiteral(text) => Value::Exact(text.value.to_str().to_owned()),
                    _ => Value::Unknown,
                };
                found.push((function, name.replace('_', "-"), value, span_of(function.file, assign)));
            }
        }
    }
    found
}
