//! Follows what is rendered: which value each expression prints, through inheritance, includes and macros.
//!
//! Values are pieces of text, or facts of Python while attributes are taken from them. Conditions are not decided:
//! of two values that may be printed, the one that can do more harm counts. Depth and steps are bounded; what is not
//! reached within the bounds is read with unknown values, as what no call renders is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use flaskseal_core::{Span, Tree};
use flaskseal_jinja::{Binary, Expr, ExprKind, Node, NodeKind, Parameter, Position};
use flaskseal_models::{Made, Models};
use flaskseal_semantic::{Event, Fact, FactKind};

use super::builtin::{self, Filters};
use super::member::{Value, element, is_form_name, part_of};
use super::piece::{self, Coding, Nature, Piece, worse};
use super::{Print, Templates, Way, find, outputs};
use crate::Start;
use crate::role::{Role, role_of};

mod call;

/// Templates and macros inside each other.
const MAX_DEPTH: usize = 16;
/// Nodes that are followed in all calls together.
const MAX_STEPS: usize = 2_000_000;
/// Ways that are kept for one expression.
const MAX_WAYS: usize = 6;

pub(super) fn prints(tree: &Tree, templates: &Templates, starts: &[&Start]) -> Vec<Print> {
    let filters = builtin::filters(tree, starts);
    let mut walk = Walk {
        tree,
        templates,
        filters,
        globals: BTreeMap::new(),
        prints: BTreeMap::new(),
        steps: 0,
        depth: 0,
        call: None,
        fills: false,
    };
    let mut seen = BTreeSet::new();
    for start in starts {
        walk.globals = processed(start);
        for event in &start.evaluation.events {
            if role_of(&tree.file(event.span.file).path) != Role::Test {
                walk.event(event, &mut seen);
            }
        }
    }
    walk.globals.clear();
    walk.fills = true;
    walk.call = None;
    walk.steps = 0;
    for index in 0..templates.files.len() {
        let file = &templates.files[index];
        let mut frame = Frame::new(index, file.is_escaped);
        walk.nodes(&file.template.body, &mut frame);
    }
    walk.prints.into_values().collect()
}

/// What context processors give every template.
fn processed<'t>(start: &Start) -> BTreeMap<Arc<str>, Value<'t>> {
    let mut globals = BTreeMap::new();
    let hooks = start.evaluation.apps.iter().flat_map(|app| &app.hooks);
    for hook in hooks.filter(|hook| hook.name.ends_with("context_processor")) {
        let FactKind::Function(function) = &hook.function.kind else { continue };
        let result = start.evaluation.functions.iter().find(|result| result.span == function.span);
        let Some(result) = result else { continue };
        for (fact, _) in result.returns.alternatives() {
            if let FactKind::Dict { entries, .. } = &fact.kind {
                for (key, value) in entries {
                    if let Some(key) = key.as_str() {
                        globals.entry(key.into()).or_insert_with(|| Value::Fact(value.clone()));
                    }
                }
            }
        }
    }
    globals
}

/// Bodies of a block, the most derived first.
type Blocks<'t> = BTreeMap<Arc<str>, Vec<(usize, &'t [Node])>>;

/// The state of one template while it is rendered.
#[derive(Clone)]
struct Frame<'t> {
    template: usize,
    escapes: bool,
    scope: Arc<str>,
    names: Vec<(Arc<str>, Value<'t>)>,
    blocks: Blocks<'t>,
    /// The block that is being rendered, and how many bodies lie before its own.
    block: Option<(Arc<str>, usize)>,
}

impl<'t> Frame<'t> {
    fn new(template: usize, escapes: bool) -> Self {
        Self { template, escapes, scope: "".into(), names: Vec::new(), blocks: BTreeMap::new(), block: None }
    }

    fn bind(&mut self, name: &Arc<str>, value: Value<'t>) {
        self.names.push((name.clone(), value));
    }
}

struct Walk<'t> {
    tree: &'t Tree,
    templates: &'t Templates,
    filters: Filters,
    globals: BTreeMap<Arc<str>, Value<'t>>,
    prints: BTreeMap<(usize, u32), Print>,
    steps: usize,
    depth: usize,
    call: Option<Span>,
    /// Only expressions that nothing has reached yet are written down.
    fills: bool,
}

impl<'t> Walk<'t> {
    /// Renders what a call of Python renders, unless it was rendered with values of the same kind before.
    fn event(&mut self, event: &Event, seen: &mut BTreeSet<String>) {
        let from = &*self.tree.file(event.span.file).path;
        let found: Vec<usize> = if find::is_name_call(event) {
            find::names(event)
                .into_iter()
                .filter_map(|name| self.templates.named(name, from, self.tree))
                .collect()
        } else if find::is_text_call(event) {
            let texts = event.argument(0, "source").into_iter().flat_map(Fact::alternatives);
            let texts: Vec<&str> = texts.filter_map(|(text, _)| text.as_str()).collect();
            let is_it = |index: &usize| {
                let file = &self.templates.files[*index];
                file.name.is_none() && texts.contains(&file.source())
            };
            (0..self.templates.files.len()).filter(is_it).collect()
        } else {
            return;
        };
        for index in found {
            let mut kind = format!("{index}");
            for (name, fact) in &event.keywords {
                let pieces = piece::of_fact(fact);
                let worst = pieces.iter().max_by_key(|piece| piece.nature);
                let (nature, input) = worst.map_or((None, None), |piece| {
                    (Some(piece.nature), piece.origin.as_ref().map(|origin| &origin.input))
                });
                let _ = write!(kind, " {name}={nature:?}{input:?}");
            }
            if !seen.insert(kind) {
                continue;
            }
            self.call = Some(event.span);
            let mut frame = Frame::new(index, self.templates.files[index].is_escaped);
            for (name, fact) in &event.keywords {
                if name != "template_name_or_list" && name != "source" {
                    frame.bind(&Arc::from(name.as_str()), Value::Fact(fact.clone()));
                }
            }
            self.template(index, &mut frame);
        }
    }

    /// Renders a template with those that it extends.
    fn template(&mut self, index: usize, frame: &mut Frame<'t>) {
        if self.depth >= MAX_DEPTH {
            return;
        }
        self.depth += 1;
        let file = &self.templates.files[index];
        frame.template = index;
        frame.escapes = file.is_escaped;
        collect_blocks(index, &file.template.body, &mut frame.blocks);
        let parent = file.template.parent().and_then(Expr::as_str);
        let parent =
            parent.and_then(|name| self.templates.by_name(name, index)).filter(|parent| *parent != index);
        match parent {
            Some(parent) => {
                // What stands outside of blocks binds names and prints nothing.
                for node in &file.template.body {
                    if !matches!(node.kind, NodeKind::Block { .. } | NodeKind::Output(_)) {
                        self.node(node, frame);
                    }
                }
                self.template(parent, frame);
            }
            None => self.nodes(&file.template.body, frame),
        }
        self.depth -= 1;
    }

    fn nodes(&mut self, nodes: &'t [Node], frame: &mut Frame<'t>) {
        for node in nodes {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return;
            }
            self.node(node, frame);
        }
    }

    fn node(&mut self, node: &'t Node, frame: &mut Frame<'t>) {
        match &node.kind {
            NodeKind::Text(_) | NodeKind::Comment | NodeKind::Extends(_) | NodeKind::Opaque(_) => {}
            kind @ NodeKind::Output(_) => {
                for value in outputs(kind) {
                    let pieces = self.printed(value, frame);
                    self.write(node, pieces, frame);
                }
            }
            NodeKind::If { branches, otherwise } => {
                let bodies = branches.iter().map(|(_, body)| body).chain(otherwise);
                bodies.for_each(|body| self.nodes(body, frame));
            }
            NodeKind::For { target, iterable, body, otherwise, .. } => {
                let known = frame.names.len();
                let items = self.value(iterable, frame);
                bind(target, element(&items), frame);
                frame.bind(&"loop".into(), Value::number());
                self.nodes(body, frame);
                frame.names.truncate(known);
                self.nodes(otherwise, frame);
            }
            NodeKind::Set { target, value } => {
                let value = self.value(value, frame);
                bind(target, value, frame);
            }
            NodeKind::SetBlock { target, filters, body } => {
                self.nodes(body, frame);
                let mut pieces = vec![Piece::generated()];
                for filter in filters {
                    pieces = builtin::apply(&filter.name, &self.filters, pieces, None);
                }
                bind(target, Value::Pieces(pieces), frame);
            }
            NodeKind::With { bindings, body } => {
                let known = frame.names.len();
                for (target, value) in bindings {
                    let value = self.value(value, frame);
                    bind(target, value, frame);
                }
                self.nodes(body, frame);
                frame.names.truncate(known);
            }
            NodeKind::Block { name, body } => {
                let bodies = frame.blocks.get(name).cloned().unwrap_or_default();
                match bodies.first() {
                    Some(_) if !self.fills => self.block(name, 0, &bodies, frame),
                    _ => {
                        let outer = std::mem::replace(&mut frame.scope, name.clone());
                        self.nodes(body, frame);
                        frame.scope = outer;
                    }
                }
            }
            NodeKind::Include { name, with_context } => {
                if self.fills || self.depth >= MAX_DEPTH {
                    return;
                }
                for name in names(name) {
                    let Some(index) = self.templates.by_name(name, frame.template) else { continue };
                    let mut inner = Frame::new(index, true);
                    if *with_context {
                        inner.names.clone_from(&frame.names);
                    }
                    self.template(index, &mut inner);
                }
            }
            NodeKind::Import { name, alias, .. } => {
                let module = name.as_str().and_then(|name| self.templates.by_name(name, frame.template));
                if let Some(module) = module {
                    frame.bind(alias, Value::Module(module));
                }
            }
            NodeKind::FromImport { name, names, .. } => {
                let module = name.as_str().and_then(|name| self.templates.by_name(name, frame.template));
                for (imported, alias) in names {
                    if let Some(found) = module.and_then(|module| self.macro_of(module, imported)) {
                        frame.bind(alias, found);
                    }
                }
            }
            NodeKind::Macro { name, parameters, body } => {
                if self.fills {
                    let mut inner = frame.clone();
                    inner.scope = name.clone();
                    bind_unknown(parameters, &mut inner);
                    self.nodes(body, &mut inner);
                }
                frame.bind(name, Value::Macro(frame.template, node));
            }
            NodeKind::Call { parameters, call, body } => {
                let mut inner = frame.clone();
                bind_unknown(parameters, &mut inner);
                self.nodes(body, &mut inner);
                self.value(call, frame);
            }
            NodeKind::FilterBlock { body, .. } => self.nodes(body, frame),
            NodeKind::Autoescape { on, body } => {
                let outer = frame.escapes;
                frame.escapes = !matches!(on.kind, ExprKind::Bool(false));
                self.nodes(body, frame);
                frame.escapes = outer;
            }
            NodeKind::Trans { variables, singular, plural } => {
                let known = frame.names.len();
                for (name, value) in variables {
                    let value = self.value(value, frame);
                    frame.bind(name, value);
                }
                self.nodes(singular, frame);
                self.nodes(plural, frame);
                frame.names.truncate(known);
            }
            NodeKind::Do(value) => {
                self.value(value, frame);
            }
        }
    }

    fn block(
        &mut self,
        name: &Arc<str>,
        level: usize,
        bodies: &[(usize, &'t [Node])],
        frame: &mut Frame<'t>,
    ) {
        let Some((template, body)) = bodies.get(level).copied() else { return };
        if self.depth >= MAX_DEPTH {
            return;
        }
        self.depth += 1;
        let known = frame.names.len();
        let outer = (
            std::mem::replace(&mut frame.template, template),
            std::mem::replace(&mut frame.escapes, self.templates.files[template].is_escaped),
            std::mem::replace(&mut frame.scope, name.clone()),
            frame.block.replace((name.clone(), level)),
        );
        self.nodes(body, frame);
        (frame.template, frame.escapes, frame.scope, frame.block) = outer;
        frame.names.truncate(known);
        self.depth -= 1;
    }

    fn macro_of(&self, module: usize, name: &str) -> Option<Value<'t>> {
        let body = &self.templates.files[module].template.body;
        let mut found = None;
        for node in body {
            node.walk(&mut |node| {
                if let NodeKind::Macro { name: known, .. } = &node.kind
                    && **known == *name
                {
                    found = Some(Value::Macro(module, node));
                }
            });
        }
        found
    }

    /// What an expression prints, before autoescaping.
    fn printed(&mut self, expression: &'t Expr, frame: &mut Frame<'t>) -> Vec<Piece> {
        let value = self.value(expression, frame);
        self.pieces(value, expression)
    }

    fn pieces(&self, value: Value<'t>, expression: &Expr) -> Vec<Piece> {
        match value {
            Value::Pieces(pieces) => pieces,
            Value::Macro(..) | Value::Module(_) => vec![Piece::generated()],
            Value::Fact(fact) => {
                let mut pieces = piece::of_fact(&fact);
                let called = expression.dotted();
                for piece in &mut pieces {
                    if piece.literal.is_none() && piece.called.is_none() {
                        piece.called = called.as_deref().map(Arc::from);
                    }
                }
                pieces
            }
        }
    }

    /// Writes down what an output prints.
    fn write(&mut self, node: &Node, pieces: Vec<Piece>, frame: &Frame<'t>) {
        let key = (frame.template, node.range.start);
        if self.fills
            && self.prints.get(&key).is_some_and(|print| print.ways.iter().any(|way| way.call.is_some()))
        {
            return;
        }
        let coding = |piece: Piece| match piece.coding {
            Coding::Plain if frame.escapes => Piece { coding: Coding::Escaped, ..piece },
            Coding::Plain => Piece { coding: Coding::Bare, ..piece },
            _ => piece,
        };
        let way = Way { pieces: pieces.into_iter().map(coding).collect(), call: self.call };
        let file = &self.templates.files[frame.template];
        let print = self.prints.entry(key).or_insert_with(|| Print {
            template: frame.template,
            tag: node.range,
            position: file.markup.position(node.range).cloned().unwrap_or(Position::Unknown),
            scope: frame.scope.clone(),
            ways: Vec::new(),
        });
        let is_known = print.ways.iter().any(|known| known.pieces == way.pieces);
        if !is_known && print.ways.len() < MAX_WAYS {
            print.ways.push(way);
        }
    }

    fn value(&mut self, expression: &'t Expr, frame: &mut Frame<'t>) -> Value<'t> {
        let span = self.templates.files[frame.template].span(expression.range);
        match &expression.kind {
            ExprKind::Str(text) => Value::Pieces(vec![Piece::literal(text.clone())]),
            ExprKind::Number
            | ExprKind::Bool(_)
            | ExprKind::None
            | ExprKind::Compare(..)
            | ExprKind::Test { .. } => Value::number(),
            ExprKind::Unary(..) => Value::number(),
            ExprKind::Name(name) => self.name(name, frame),
            ExprKind::List(items) | ExprKind::Tuple(items) => {
                let pieces = items.iter().map(|item| self.printed(item, frame)).reduce(worse);
                Value::Pieces(pieces.unwrap_or_default())
            }
            ExprKind::Dict(entries) => {
                let pieces = entries.iter().map(|(_, value)| self.printed(value, frame)).reduce(worse);
                Value::Pieces(pieces.unwrap_or_default())
            }
            ExprKind::Attribute(object, name) => {
                let object = self.value(object, frame);
                self.member(object, name, span, expression)
            }
            ExprKind::Item(object, key) => {
                let object = self.value(object, frame);
                match key.as_str() {
                    Some(key) => self.member(object, key, span, expression),
                    None => part_of(&object, expression.dotted().as_deref().unwrap_or_default()),
                }
            }
            ExprKind::Slice(object, _) => {
                let pieces = self.printed(object, frame);
                Value::Pieces(builtin::apply("trim", &self.filters, pieces, None))
            }
            ExprKind::Call(callee, arguments) => self.call(expression, callee, arguments, frame),
            ExprKind::Filter(value, filter) => {
                let mut pieces = self.printed(value, frame);
                let at = self.templates.files[frame.template].span(filter.range);
                let arguments: Vec<Vec<Piece>> =
                    filter.arguments.iter().map(|argument| self.printed(argument.value(), frame)).collect();
                match &*filter.name {
                    "default" | "d" => pieces = arguments.into_iter().fold(pieces, worse),
                    "format" | "join" | "replace" => {
                        let more = arguments.into_iter().flatten();
                        let markup = pieces.iter().any(|piece| matches!(piece.coding, Coding::Marked(_)));
                        let more: Vec<Piece> = if markup { escaped(more).collect() } else { more.collect() };
                        pieces.extend(more);
                    }
                    name if Models::bundled().filter(name).is_none() => {
                        pieces.extend(arguments.into_iter().flatten());
                    }
                    _ => {}
                }
                Value::Pieces(builtin::apply(&filter.name, &self.filters, pieces, Some(at)))
            }
            ExprKind::Binary(Binary::And | Binary::Or, a, b) => {
                let a = self.printed(a, frame);
                let b = self.printed(b, frame);
                Value::Pieces(worse(a, b))
            }
            ExprKind::Binary(Binary::Add | Binary::Modulo, a, b) => {
                let a = self.printed(a, frame);
                let b = self.printed(b, frame);
                Value::Pieces(concatenated([a, b]))
            }
            ExprKind::Binary(..) => Value::number(),
            ExprKind::Concat(parts) => {
                let parts: Vec<Vec<Piece>> = parts.iter().map(|part| self.printed(part, frame)).collect();
                Value::Pieces(concatenated(parts))
            }
            ExprKind::Conditional { then, otherwise, .. } => {
                let then = self.printed(then, frame);
                match otherwise {
                    Some(otherwise) => {
                        let otherwise = self.printed(otherwise, frame);
                        Value::Pieces(worse(then, otherwise))
                    }
                    None => Value::Pieces(then),
                }
            }
            ExprKind::Bad => Value::unknown(""),
        }
    }

    fn name(&self, name: &Arc<str>, frame: &Frame<'t>) -> Value<'t> {
        if let Some((_, value)) = frame.names.iter().rev().find(|(known, _)| known == name) {
            return value.clone();
        }
        if let Some(value) = self.globals.get(name) {
            return value.clone();
        }
        match &**name {
            "request" => return Value::Fact(Fact::new(FactKind::Path("flask.request".into()))),
            "session" => return Value::Fact(Fact::new(FactKind::Path("flask.session".into()))),
            "g" => return Value::Fact(Fact::new(FactKind::Path("flask.g".into()))),
            "loop" => return Value::number(),
            "self" | "varargs" | "caller" | "super" => return Value::generated(),
            _ => {}
        }
        match Models::bundled().template_global(name) {
            Some(Made::Constant) => Value::Pieces(vec![Piece::of(Nature::Constant)]),
            Some(Made::Number) => Value::number(),
            Some(Made::Url) => Value::Pieces(vec![Piece::of(Nature::Url)]),
            Some(Made::Markup) => Value::generated(),
            _ if is_form_name(name) => Value::generated(),
            _ => Value::unknown(name),
        }
    }
}

/// Binds a name, or the names of a tuple.
fn bind<'t>(target: &Expr, value: Value<'t>, frame: &mut Frame<'t>) {
    match &target.kind {
        ExprKind::Name(name) => frame.bind(name, value),
        ExprKind::Tuple(names) => {
            for (index, name) in names.iter().enumerate() {
                let part = match &value {
                    Value::Fact(fact) => match &fact.kind {
                        FactKind::Sequence { items, .. } => items.get(index).cloned().map(Value::Fact),
                        _ => None,
                    },
                    _ => None,
                };
                let part = part.unwrap_or_else(|| part_of(&value, name.as_name().unwrap_or_default()));
                bind(name, part, frame);
            }
        }
        _ => {}
    }
}

fn collect_blocks<'t>(template: usize, nodes: &'t [Node], blocks: &mut Blocks<'t>) {
    for node in nodes {
        node.walk(&mut |node| {
            if let NodeKind::Block { name, body } = &node.kind {
                blocks.entry(name.clone()).or_default().push((template, body));
            }
        });
    }
}

fn bind_unknown(parameters: &[Parameter], frame: &mut Frame<'_>) {
    for parameter in parameters {
        let value =
            if is_form_name(&parameter.name) { Value::generated() } else { Value::unknown(&parameter.name) };
        frame.bind(&parameter.name, value);
    }
}

/// The names in the argument of `include`.
fn names(name: &Expr) -> Vec<&str> {
    match &name.kind {
        ExprKind::List(items) | ExprKind::Tuple(items) => items.iter().filter_map(Expr::as_str).collect(),
        _ => name.as_str().into_iter().collect(),
    }
}

/// Text that operators of Markup put into HTML is escaped.
fn escaped(pieces: impl Iterator<Item = Piece>) -> impl Iterator<Item = Piece> {
    pieces.map(|piece| match piece.coding {
        Coding::Plain => Piece { coding: Coding::Escaped, ..piece },
        _ => piece,
    })
}

fn concatenated(parts: impl IntoIterator<Item = Vec<Piece>>) -> Vec<Piece> {
    let pieces: Vec<Piece> = parts.into_iter().flatten().collect();
    if pieces.iter().any(|piece| matches!(piece.coding, Coding::Marked(_))) {
        return escaped(pieces.into_iter()).collect();
    }
    pieces
}

/// What a call that is not understood gives: the worst of what went into it, as plain text.
fn reduced(pieces: Vec<Piece>, expression: &Expr) -> Vec<Piece> {
    let worst = pieces.into_iter().max_by_key(|piece| piece.nature);
    let called = expression.dotted().map(Arc::from);
    vec![match worst {
        Some(worst) if worst.is_open() => {
            Piece { origin: worst.origin, called: called.or(worst.called), ..Piece::of(worst.nature) }
        }
        _ => Piece { called, ..Piece::of(Nature::Unknown) },
    }]
}
