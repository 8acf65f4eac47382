//! What calls in templates print: of functions and filters that Python gives, of macros, of methods.

use std::sync::Arc;

use flaskseal_core::Span;
use flaskseal_jinja::{Argument, Expr, ExprKind, Node, NodeKind};
use flaskseal_semantic::{Fact, FactKind};

use super::{Frame, MAX_DEPTH, Walk, concatenated, escaped, reduced};
use crate::template::builtin;
use crate::template::member::{Value, is_form_name, is_made_name, is_row_key, member_of, part_of};
use crate::template::piece::{self, Coding, Nature, Piece, worse};

impl<'t> Walk<'t> {
    pub(super) fn call(
        &mut self,
        expression: &'t Expr,
        callee: &'t Expr,
        arguments: &'t [Argument],
        frame: &mut Frame<'t>,
    ) -> Value<'t> {
        let span = self.templates.files[frame.template].span(expression.range);
        if let ExprKind::Name(name) = &callee.kind {
            match &**name {
                "super" => {
                    if let Some((block, level)) = frame.block.clone() {
                        let bodies = frame.blocks.get(&block).cloned().unwrap_or_default();
                        self.block(&block, level + 1, &bodies, frame);
                    }
                    return Value::generated();
                }
                "caller" => return Value::generated(),
                "_" | "gettext" | "ngettext" | "pgettext" | "npgettext" => {
                    let pieces = arguments.iter().map(|argument| self.printed(argument.value(), frame));
                    return Value::Pieces(concatenated(pieces.collect::<Vec<_>>()));
                }
                "Markup" => {
                    let pieces = arguments.first().map(|first| self.printed(first.value(), frame));
                    let pieces = pieces.unwrap_or_default();
                    return Value::Pieces(builtin::apply("safe", &self.filters, pieces, Some(span)));
                }
                "dict" | "namespace" | "cycler" | "joiner" => {
                    let pieces =
                        arguments.iter().map(|argument| self.printed(argument.value(), frame)).reduce(worse);
                    return Value::Pieces(pieces.unwrap_or_default());
                }
                _ => {}
            }
            let is_bound =
                frame.names.iter().any(|(known, _)| known == name) || self.globals.contains_key(name);
            if self.filters.contains_key(name) && !is_bound {
                let given: Vec<Piece> =
                    arguments.iter().flat_map(|argument| self.printed(argument.value(), frame)).collect();
                return Value::Pieces(builtin::custom(name, &self.filters, &given, Some(span)));
            }
        }
        let called = match &callee.kind {
            ExprKind::Attribute(object, name) => {
                let object = self.value(object, frame);
                if let Value::Module(module) = object {
                    self.macro_of(module, name).unwrap_or_else(Value::generated)
                } else {
                    return self.method(object, name, arguments, span, expression, frame);
                }
            }
            _ => self.value(callee, frame),
        };
        match called {
            Value::Macro(template, node) => self.call_macro(template, node, arguments, frame),
            Value::Module(_) => Value::generated(),
            Value::Fact(fact) => self.call_fact(&fact, None, arguments, expression, frame),
            Value::Pieces(pieces) => {
                // What a known name gives when it is called: `url_for(…)`, `form(…)`.
                let is_made = pieces.iter().all(|piece| !piece.is_open());
                let given: Vec<Vec<Piece>> =
                    arguments.iter().map(|argument| self.printed(argument.value(), frame)).collect();
                if is_made {
                    return Value::Pieces(pieces);
                }
                let worst = given.into_iter().fold(pieces, worse);
                Value::Pieces(reduced(worst, expression))
            }
        }
    }

    /// A method of something that is no imported template.
    fn method(
        &mut self,
        object: Value<'t>,
        name: &Arc<str>,
        arguments: &'t [Argument],
        at: Span,
        expression: &'t Expr,
        frame: &mut Frame<'t>,
    ) -> Value<'t> {
        let first = arguments.first().map(Argument::value);
        let given: Vec<Vec<Piece>> =
            arguments.iter().map(|argument| self.printed(argument.value(), frame)).collect();
        match (object, &**name) {
            (_, "url_for") => Value::Pieces(vec![Piece::of(Nature::Url)]),
            (Value::Fact(fact), "get" | "getlist" | "pop") if first.and_then(Expr::as_str).is_some() => {
                let key = first.and_then(Expr::as_str).unwrap_or_default();
                self.member(Value::Fact(fact), key, at, expression)
            }
            (Value::Fact(fact), "items" | "values" | "keys" | "lists" | "copy" | "to_dict") => {
                Value::Fact(fact)
            }
            (Value::Fact(fact), _) => self.call_fact(&fact, Some(name), arguments, expression, frame),
            (Value::Pieces(pieces), "format" | "join" | "replace") => {
                let is_markup = pieces.iter().any(|piece| matches!(piece.coding, Coding::Marked(_)));
                let more = given.into_iter().flatten();
                let more: Vec<Piece> = if is_markup { escaped(more).collect() } else { more.collect() };
                Value::Pieces(pieces.into_iter().chain(more).collect())
            }
            (Value::Pieces(pieces), _) => {
                if pieces.iter().all(|piece| !piece.is_open()) {
                    return Value::Pieces(pieces);
                }
                Value::Pieces(reduced(given.into_iter().fold(pieces, worse), expression))
            }
            (Value::Macro(..) | Value::Module(_), _) => Value::generated(),
        }
    }

    /// `object.name`, or `object["name"]`.
    pub(super) fn member(&self, object: Value<'t>, name: &str, at: Span, expression: &Expr) -> Value<'t> {
        let called = expression.dotted().unwrap_or_default();
        match object {
            Value::Fact(fact) => Value::Fact(member_of(&fact, name, at)),
            Value::Module(module) => self.macro_of(module, name).unwrap_or_else(Value::generated),
            Value::Macro(..) => Value::generated(),
            Value::Pieces(pieces) => match pieces.as_slice() {
                [only] if only.nature == Nature::Generated && name == "data" => Value::unknown(&called),
                [only] if only.nature <= Nature::Url => Value::Pieces(pieces),
                [only] if only.nature == Nature::Stored && is_row_key(name) => Value::number(),
                _ if is_form_name(name) || is_made_name(&called) => Value::generated(),
                _ => part_of(&Value::Pieces(pieces), &called),
            },
        }
    }

    /// A call of something that Python gave.
    fn call_fact(
        &mut self,
        fact: &Fact,
        method: Option<&str>,
        arguments: &'t [Argument],
        expression: &'t Expr,
        frame: &mut Frame<'t>,
    ) -> Value<'t> {
        let given: Vec<Vec<Piece>> =
            arguments.iter().map(|argument| self.printed(argument.value(), frame)).collect();
        let of_receiver = piece::of_fact(fact);
        if of_receiver.iter().all(|piece| piece.nature == Nature::Generated) && method != Some("data") {
            return Value::generated();
        }
        if let FactKind::Path(path) = &fact.kind {
            let path: Arc<str> = match method {
                Some(method) => format!("{path}.{method}()").into(),
                None => format!("{path}()").into(),
            };
            if fact.origin().is_none() && given.iter().flatten().all(|piece| !piece.is_open()) {
                return Value::Fact(Fact { kind: FactKind::Path(path), ..fact.clone() });
            }
        }
        Value::Pieces(reduced(given.into_iter().fold(of_receiver, worse), expression))
    }

    fn call_macro(
        &mut self,
        template: usize,
        node: &'t Node,
        arguments: &'t [Argument],
        frame: &mut Frame<'t>,
    ) -> Value<'t> {
        let NodeKind::Macro { name, parameters, body } = &node.kind else { return Value::generated() };
        if self.fills || self.depth >= MAX_DEPTH {
            for argument in arguments {
                self.value(argument.value(), frame);
            }
            return Value::generated();
        }
        let mut inner = Frame::new(template, self.templates.files[template].is_escaped);
        inner.scope = name.clone();
        // Names that the module itself binds: its other macros, what it imports.
        for other in &self.templates.files[template].template.body {
            if matches!(
                other.kind,
                NodeKind::Macro { .. }
                    | NodeKind::Import { .. }
                    | NodeKind::FromImport { .. }
                    | NodeKind::Set { .. }
            ) {
                self.node(other, &mut inner);
            }
        }
        let mut positional = arguments.iter().filter(|argument| matches!(argument, Argument::Positional(_)));
        let is_open = arguments.iter().any(|a| matches!(a, Argument::Star(_) | Argument::DoubleStar(_)));
        for parameter in parameters {
            let by_name = arguments.iter().find(
                |argument| matches!(argument, Argument::Keyword(keyword, _) if *keyword == parameter.name),
            );
            let given = positional.next().or(by_name);
            let value = match (given, &parameter.default) {
                (Some(argument), _) => self.value(argument.value(), frame),
                (None, Some(default)) if !is_open => self.value(default, &mut inner),
                (None, _) if is_open => Value::unknown(&parameter.name),
                _ => Value::Pieces(Vec::new()),
            };
            inner.bind(&parameter.name, value);
        }
        self.depth += 1;
        self.nodes(body, &mut inner);
        self.depth -= 1;
        Value::generated()
    }
}
