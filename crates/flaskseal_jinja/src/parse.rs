//! Statements and their bodies.
//!
//! Default delimiters, no line statements. A tag that is not known stays as an opaque node, and what follows it is
//! read as if it were not there: what an extension does with its body is its own affair.

use std::sync::Arc;

use flaskseal_core::TextRange;

use crate::chunk::{Chunk, ChunkKind, Token, chunks, tokens};
use crate::expression::Cursor;
use crate::tree::{Expr, ExprKind, Filter, Node, NodeKind, Parameter, Problem, Template};

/// Statements inside statements that are followed; beyond, tags are opaque.
const MAX_DEPTH: usize = 48;

/// Reads a template.
pub fn parse(text: &str) -> Template {
    let mut problems = Vec::new();
    let chunks = chunks(text, &mut problems);
    let mut parser = Parser { text, chunks, at: 0, open: Vec::new(), problems };
    let mut body = Vec::new();
    while parser.at < parser.chunks.len() {
        body.extend(parser.nodes(&[]));
    }
    let mut problems = parser.problems;
    problems.sort_by_key(|problem| problem.range);
    Template { body, problems }
}

/// Reads an expression that stands by itself.
pub fn parse_expression(text: &str) -> (Expr, Vec<Problem>) {
    let mut problems = Vec::new();
    let tokens = tokens(text);
    let mut cursor = Cursor::new(&tokens, text.len() as u32, &mut problems);
    let expression = cursor.tuple();
    cursor.finish();
    (expression, problems)
}

struct Parser<'t> {
    text: &'t str,
    chunks: Vec<Chunk>,
    at: usize,
    /// Tags that end a body which is being read, from the outermost statement to the innermost.
    open: Vec<&'static [&'static str]>,
    problems: Vec<Problem>,
}

impl Parser<'_> {
    /// Nodes up to a tag that ends this body or one around it; that tag is left.
    fn nodes(&mut self, until: &'static [&'static str]) -> Vec<Node> {
        self.open.push(until);
        let mut nodes = Vec::new();
        while self.at < self.chunks.len() {
            if let Some(word) = self.word()
                && self.open.iter().any(|ends| ends.contains(&&*word))
            {
                break;
            }
            nodes.push(self.node());
        }
        self.open.pop();
        nodes
    }

    /// The first word of the tag that comes next.
    fn word(&self) -> Option<Arc<str>> {
        match &self.chunks.get(self.at)?.kind {
            ChunkKind::Tag(tokens) => tokens.first()?.name().map(Arc::from),
            _ => None,
        }
    }

    fn node(&mut self) -> Node {
        let index = self.at;
        self.at += 1;
        let range = self.chunks[index].range;
        let node = |kind| Node { range, tag: range, kind };
        match std::mem::replace(&mut self.chunks[index].kind, ChunkKind::Comment) {
            ChunkKind::Text => node(NodeKind::Text(self.trimmed(index))),
            ChunkKind::Raw(inner) => node(NodeKind::Text(inner)),
            ChunkKind::Comment => node(NodeKind::Comment),
            ChunkKind::Output(tokens) => {
                let mut cursor = Cursor::new(&tokens, inside_end(range), &mut self.problems);
                let value = cursor.tuple();
                cursor.finish();
                node(NodeKind::Output(vec![value]))
            }
            ChunkKind::Tag(tokens) => self.statement(range, &tokens),
        }
    }

    /// A text without the white space that the tags around it take off.
    fn trimmed(&self, index: usize) -> TextRange {
        let range = self.chunks[index].range;
        let text = self.text.get(range.start as usize..range.end as usize).unwrap_or_default();
        let before = index.checked_sub(1).and_then(|before| self.chunks.get(before));
        let after = self.chunks.get(index + 1);
        let start = match before {
            Some(before) if before.trims_after => text.len() - text.trim_start().len(),
            _ => 0,
        };
        let end = match after {
            Some(after) if after.trims_before => text.trim_end().len(),
            _ => text.len(),
        };
        TextRange::new(range.start + start as u32, range.start + end.max(start) as u32)
    }

    fn statement(&mut self, tag: TextRange, tokens: &[Token]) -> Node {
        let mut problems = std::mem::take(&mut self.problems);
        let mut cursor = Cursor::new(tokens, inside_end(tag), &mut problems);
        let word = cursor.name();
        let kind = match &word {
            _ if self.open.len() > MAX_DEPTH => {
                cursor.problem("statements that are nested too deep");
                Head::Whole(NodeKind::Opaque(word.clone().unwrap_or_default()))
            }
            Some(word) => head(word, &mut cursor),
            None => {
                cursor.problem("the name of a tag is missing");
                Head::Whole(NodeKind::Opaque("".into()))
            }
        };
        if !matches!(kind, Head::Whole(NodeKind::Opaque(_))) {
            cursor.finish();
        }
        self.problems = problems;
        let kind = match kind {
            Head::Whole(kind) => kind,
            Head::Open(open) => self.rest(tag, open),
        };
        let end = match self.at.checked_sub(1).and_then(|last| self.chunks.get(last)) {
            Some(last) => last.range.end.max(tag.end),
            None => tag.end,
        };
        Node { range: TextRange::new(tag.start, end), tag, kind }
    }

    /// The bodies of a statement and the tags between them.
    fn rest(&mut self, tag: TextRange, open: Open) -> NodeKind {
        match open {
            Open::If(test) => {
                let mut branches = vec![(test, self.nodes(&["elif", "else", "endif"]))];
                let mut otherwise = None;
                loop {
                    match self.word().as_deref() {
                        Some("elif") => {
                            let test = self.tag_expression();
                            branches.push((test, self.nodes(&["elif", "else", "endif"])));
                        }
                        Some("else") if otherwise.is_none() => {
                            self.at += 1;
                            otherwise = Some(self.nodes(&["elif", "else", "endif"]));
                        }
                        _ => break,
                    }
                }
                self.end(tag, "endif");
                NodeKind::If { branches, otherwise }
            }
            Open::For { target, iterable, condition } => {
                let body = self.nodes(&["else", "endfor"]);
                let mut otherwise = Vec::new();
                if self.word().as_deref() == Some("else") {
                    self.at += 1;
                    otherwise = self.nodes(&["endfor"]);
                }
                self.end(tag, "endfor");
                NodeKind::For { target, iterable, condition, body, otherwise }
            }
            Open::Trans { variables } => {
                let singular = self.nodes(&["pluralize", "endtrans"]);
                let mut plural = Vec::new();
                if self.word().as_deref() == Some("pluralize") {
                    self.at += 1;
                    plural = self.nodes(&["endtrans"]);
                }
                self.end(tag, "endtrans");
                NodeKind::Trans { variables, singular, plural }
            }
            Open::Set { target, filters } => {
                NodeKind::SetBlock { target, filters, body: self.body(tag, &["endset"]) }
            }
            Open::With(bindings) => NodeKind::With { bindings, body: self.body(tag, &["endwith"]) },
            Open::Block(name) => NodeKind::Block { name, body: self.body(tag, &["endblock"]) },
            Open::Macro { name, parameters } => {
                NodeKind::Macro { name, parameters, body: self.body(tag, &["endmacro"]) }
            }
            Open::Call { parameters, call } => {
                NodeKind::Call { parameters, call, body: self.body(tag, &["endcall"]) }
            }
            Open::Filter(filters) => NodeKind::FilterBlock { filters, body: self.body(tag, &["endfilter"]) },
            Open::Autoescape(on) => NodeKind::Autoescape { on, body: self.body(tag, &["endautoescape"]) },
        }
    }

    fn body(&mut self, tag: TextRange, end: &'static [&'static str; 1]) -> Vec<Node> {
        let body = self.nodes(end);
        self.end(tag, end[0]);
        body
    }

    /// The expression of a tag in the middle of a statement.
    fn tag_expression(&mut self) -> Expr {
        let chunk = &self.chunks[self.at];
        self.at += 1;
        let ChunkKind::Tag(tokens) = &chunk.kind else {
            return Expr { range: chunk.range, kind: ExprKind::Bad, height: 1 };
        };
        let mut cursor = Cursor::new(tokens, inside_end(chunk.range), &mut self.problems);
        cursor.next();
        let value = cursor.tuple();
        cursor.finish();
        value
    }

    /// Passes over the end of a statement, if that is what comes next.
    fn end(&mut self, tag: TextRange, word: &str) {
        if self.word().as_deref() == Some(word) {
            self.at += 1;
        } else {
            self.problems.push(Problem { range: tag, message: format!("`{word}` is missing") });
        }
    }
}

/// The end of what stands inside a tag's delimiters.
fn inside_end(range: TextRange) -> u32 {
    range.end.saturating_sub(2).max(range.start)
}

/// What the opening tag of a statement says.
enum Head {
    /// The statement is this tag.
    Whole(NodeKind),
    /// Bodies follow.
    Open(Open),
}

enum Open {
    If(Expr),
    For { target: Expr, iterable: Expr, condition: Option<Expr> },
    Set { target: Expr, filters: Vec<Filter> },
    With(Vec<(Expr, Expr)>),
    Block(Arc<str>),
    Macro { name: Arc<str>, parameters: Vec<Parameter> },
    Call { parameters: Vec<Parameter>, call: Expr },
    Filter(Vec<Filter>),
    Autoescape(Expr),
    Trans { variables: Vec<(Arc<str>, Expr)> },
}

fn head(word: &Arc<str>, cursor: &mut Cursor<'_>) -> Head {
    match &**word {
        "if" => Head::Open(Open::If(cursor.tuple())),
        "for" => {
            let target = cursor.target();
            if !cursor.eat_word("in") {
                cursor.problem("`in` is missing");
            }
            let iterable = cursor.tuple_without_condition();
            let condition = cursor.eat_word("if").then(|| cursor.expression());
            cursor.eat_word("recursive");
            Head::Open(Open::For { target, iterable, condition })
        }
        "set" => {
            let target = cursor.target();
            if cursor.eat("=") {
                return Head::Whole(NodeKind::Set { target, value: cursor.tuple() });
            }
            Head::Open(Open::Set { target, filters: cursor.filters(false) })
        }
        "with" => {
            let mut bindings = Vec::new();
            while !cursor.is_done() {
                let name = cursor.target_alone();
                if !cursor.eat("=") {
                    cursor.problem("`=` is missing");
                    break;
                }
                bindings.push((name, cursor.expression()));
                if !cursor.eat(",") {
                    break;
                }
            }
            Head::Open(Open::With(bindings))
        }
        "block" => {
            let name = cursor.name().unwrap_or_default();
            // `{% block page-title %}` is refused by Jinja, and says what it means.
            while cursor.eat_word("scoped") || cursor.eat_word("required") {}
            Head::Open(Open::Block(name))
        }
        "extends" => Head::Whole(NodeKind::Extends(cursor.expression())),
        "include" => {
            let name = cursor.expression();
            if cursor.eat_word("ignore") {
                cursor.eat_word("missing");
            }
            let with_context = context(cursor, true);
            Head::Whole(NodeKind::Include { name, with_context })
        }
        "import" => {
            let name = cursor.expression();
            let alias = if cursor.eat_word("as") { cursor.name() } else { None };
            if alias.is_none() {
                cursor.problem("`as` is missing");
            }
            let with_context = context(cursor, false);
            Head::Whole(NodeKind::Import { name, alias: alias.unwrap_or_default(), with_context })
        }
        "from" => {
            let name = cursor.expression();
            if !cursor.eat_word("import") {
                cursor.problem("`import` is missing");
            }
            let mut names = Vec::new();
            while !cursor.is_word("with") && !cursor.is_word("without") {
                let Some(imported) = cursor.name() else { break };
                let alias = if cursor.eat_word("as") { cursor.name() } else { None };
                names.push((imported.clone(), alias.unwrap_or(imported)));
                if !cursor.eat(",") {
                    break;
                }
            }
            let with_context = context(cursor, false);
            Head::Whole(NodeKind::FromImport { name, names, with_context })
        }
        "macro" => {
            let name = cursor.name().unwrap_or_default();
            Head::Open(Open::Macro { name, parameters: parameters(cursor) })
        }
        "call" => {
            let parameters = parameters(cursor);
            Head::Open(Open::Call { parameters, call: cursor.expression() })
        }
        "filter" => Head::Open(Open::Filter(cursor.filters(true))),
        "autoescape" => Head::Open(Open::Autoescape(cursor.expression())),
        "trans" => Head::Open(Open::Trans { variables: translation(cursor) }),
        "do" => Head::Whole(NodeKind::Do(cursor.tuple())),
        "print" => Head::Whole(NodeKind::Output(match cursor.tuple() {
            Expr { kind: ExprKind::Tuple(items), .. } => items,
            only => vec![only],
        })),
        ends if ENDS.contains(&ends) => {
            cursor.problem("this tag ends nothing");
            Head::Whole(NodeKind::Opaque(word.clone()))
        }
        _ => Head::Whole(NodeKind::Opaque(word.clone())),
    }
}

/// Tags that belong to a statement which has begun.
const ENDS: [&str; 13] = [
    "elif",
    "else",
    "endautoescape",
    "endblock",
    "endcall",
    "endfilter",
    "endfor",
    "endif",
    "endmacro",
    "endset",
    "endtrans",
    "endwith",
    "pluralize",
];

fn context(cursor: &mut Cursor<'_>, default: bool) -> bool {
    let with = cursor.eat_word("with");
    if (with || cursor.eat_word("without")) && cursor.eat_word("context") { with } else { default }
}

/// The parameters of a macro, in parentheses that may be missing.
fn parameters(cursor: &mut Cursor<'_>) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    if !cursor.eat("(") {
        return parameters;
    }
    while let Some(name) = cursor.name() {
        let default = cursor.eat("=").then(|| cursor.expression());
        parameters.push(Parameter { name, default });
        if !cursor.eat(",") {
            break;
        }
    }
    if !cursor.eat(")") {
        cursor.problem("`)` is missing");
    }
    parameters
}

/// What `{% trans "context" trimmed, count=items|length, user %}` binds.
fn translation(cursor: &mut Cursor<'_>) -> Vec<(Arc<str>, Expr)> {
    let mut variables = Vec::new();
    while !cursor.is_done() {
        let before = cursor.peek().map(|token| token.range);
        let value = cursor.target_alone();
        match (value.as_name(), cursor.eat("=")) {
            (Some(name), true) => variables.push((name.into(), cursor.expression())),
            (Some("trimmed" | "notrimmed"), false) => {}
            (Some(name), false) => variables.push((name.into(), value)),
            // The context of the message.
            (None, _) => {}
        }
        cursor.eat(",");
        if cursor.peek().map(|token| token.range) == before {
            break;
        }
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &str) -> Template {
        let template = parse(text);
        assert_eq!(template.problems, [], "{text}");
        template
    }

    /// An expression with all its parentheses.
    fn shown(text: &str) -> String {
        let (expression, problems) = parse_expression(text);
        assert_eq!(problems, [], "{text}");
        show(&expression)
    }

    fn show(expression: &Expr) -> String {
        let all = |items: &[Expr]| items.iter().map(show).collect::<Vec<_>>().join(" ");
        let arguments = |list: &[crate::Argument]| {
            list.iter().map(|argument| show(argument.value())).collect::<Vec<_>>().join(" ")
        };
        match &expression.kind {
            ExprKind::Str(text) => format!("{text:?}"),
            ExprKind::Number => "1".to_owned(),
            ExprKind::Bool(value) => value.to_string(),
            ExprKind::None => "none".to_owned(),
            ExprKind::Name(name) => name.to_string(),
            ExprKind::List(items) => format!("[{}]", all(items)),
            ExprKind::Tuple(items) => format!("({})", all(items)),
            ExprKind::Dict(entries) => {
                let pair = |(key, value): &(Expr, Expr)| format!("{}:{}", show(key), show(value));
                format!("{{{}}}", entries.iter().map(pair).collect::<Vec<_>>().join(" "))
            }
            ExprKind::Attribute(value, name) => format!("{}.{name}", show(value)),
            ExprKind::Item(value, key) => format!("{}[{}]", show(value), show(key)),
            ExprKind::Slice(value, bounds) => format!("{}[:{}]", show(value), all(bounds)),
            ExprKind::Call(callee, list) => format!("{}({})", show(callee), arguments(list)),
            ExprKind::Filter(value, filter) => {
                format!("{}|{}({})", show(value), filter.name, arguments(&filter.arguments))
            }
            ExprKind::Test { value, name, arguments: list } => {
                format!("({} is {name} {})", show(value), arguments(list))
            }
            ExprKind::Unary(unary, value) => format!("({unary:?} {})", show(value)),
            ExprKind::Binary(binary, a, b) => format!("({} {binary:?} {})", show(a), show(b)),
            ExprKind::Compare(first, rest) => {
                let rest: Vec<String> =
                    rest.iter().map(|(sign, b)| format!("{sign:?} {}", show(b))).collect();
                format!("({} {})", show(first), rest.join(" "))
            }
            ExprKind::Concat(parts) => format!("(~ {})", all(parts)),
            ExprKind::Conditional { test, then, otherwise } => {
                let otherwise = otherwise.as_ref().map_or("-".to_owned(), |otherwise| show(otherwise));
                format!("({} ? {} : {otherwise})", show(test), show(then))
            }
            ExprKind::Bad => "bad".to_owned(),
        }
    }

    #[test]
    fn expressions_bind_as_jinja_binds_them() {
        for (text, expected) in [
            ("a + b * c", "(a Add (b Multiply c))"),
            ("a ~ b|upper ~ 'x'", "(~ a b|upper() \"x\")"),
            ("-x|abs", "(Minus x)|abs()"),
            ("not a and b or c", "(((Not a) And b) Or c)"),
            ("a if b else c if d else e", "(b ? a : (d ? c : e))"),
            ("a if b", "(b ? a : -)"),
            ("x.y[0].z('q', k=1)|default('n')|safe", "x.y[1].z(\"q\" 1)|default(\"n\")|safe()"),
            ("x is not divisibleby 3 and y is defined", "((Not (x is divisibleby 1)) And (y is defined ))"),
            ("loop.index0 is even", "(loop.index0 is even )"),
            ("a not in b, c", "((a NotIn b) c)"),
            ("1 < x <= 2", "(1 Less x LessOrEqual 1)"),
            ("{'a': [1, 2], 'b': {}}", "{\"a\":[1 1] \"b\":{}}"),
            ("x[1:], y[::2]", "(x[:1] y[:1])"),
            ("x.0.name", "x[1].name"),
            ("2 ** 3 ** 4", "((1 Power 1) Power 1)"),
            ("f(*a, **k)", "f(a k)"),
            ("'a' 'b'", "\"ab\""),
            ("a - b", "(a Subtract b)"),
            ("1.5 - 2_000", "(1 Subtract 1)"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn statements_are_read() {
        let template = clean(
            "{% extends 'base.html' %}{% from 'm.html' import a as b, c with context %}\
             {% block body scoped %}{{ super() }}{% for k, v in d.items() if v recursive %}{{ k }}{% else %}none\
             {% endfor %}{% if a %}1{% elif b %}2{% else %}3{% endif %}{% endblock body %}",
        );
        assert!(template.parent().is_some());
        let NodeKind::Block { name, body } = &template.body[2].kind else { panic!("{template:?}") };
        assert_eq!(&**name, "body");
        assert!(matches!(body[1].kind, NodeKind::For { condition: Some(_), .. }));
        let NodeKind::If { branches, otherwise } = &body[2].kind else { panic!("{body:?}") };
        assert_eq!((branches.len(), otherwise.is_some()), (2, true));
        clean(
            "{% set a, b = 1, 2 %}{% set ns.x = 3 %}{% set y | upper %}t{% endset %}{% with a=1, b=a %}{% endwith %}",
        );
        clean("{% macro f(a, b=1) -%} {{ a }} {%- endmacro %}{% call(x) f(1) %}{{ x }}{% endcall %}");
        clean(
            "{% trans trimmed n=x|length, user %}{{ n }} of {{ user }}{% pluralize n %}{{ n }}s{% endtrans %}",
        );
        clean("{% trans %}plain{% endtrans %}{% filter upper|trim %}x{% endfilter %}{% do x.append(1) %}");
        clean(
            "{% autoescape false %}{{ x }}{% endautoescape %}{% include ['a', 'b'] ignore missing without context %}",
        );
        clean(
            "{% raw %}{{ not read }}{% if %}{% endraw %}{% print a, b %}{% for x in y %}{% break %}{% endfor %}",
        );
        clean(
            "{% import 'm.html' as m %}{% assets 'x', output='y' %}<b>{{ ASSET_URL }}</b>{% endassets %}{{ {'a': {}} }}",
        );
    }

    #[test]
    fn what_jinja_refuses_costs_a_problem_and_nothing_else() {
        for (text, problems) in [
            ("{{ a b }}{{ c }}", 1),
            ("{% if a %}x", 1),
            ("{% endif %}{{ c }}", 1),
            ("{% for x in y %}{% if x %}{% endfor %}{{ c }}", 1),
            ("{{ }}", 1),
            ("{{ 'open }} {{ c }}", 1),
            ("{{ a", 1),
            ("{# a", 1),
            ("{{ ? }}{{ c }}", 1),
        ] {
            let template = parse(text);
            assert_eq!(template.problems.len(), problems, "{text}: {:?}", template.problems);
            let mut outputs = 0;
            template.walk(&mut |node| outputs += usize::from(matches!(node.kind, NodeKind::Output(_))));
            assert_eq!(outputs >= 1, text.contains("c }}") || text == "{{ }}", "{text}");
        }
    }

    #[test]
    fn nodes_tile_the_text() {
        fn tile(nodes: &[Node], at: &mut u32) {
            for node in nodes {
                assert_eq!(node.range.start, *at);
                *at = node.range.end;
                let mut inner = node.tag.end;
                for body in node.bodies() {
                    for child in body {
                        assert!(child.range.start >= inner && child.range.end <= node.range.end, "{node:?}");
                        inner = child.range.end;
                    }
                }
            }
        }
        for text in [
            "a {{- b -}} c {# d #} {% if x %} {{ y }} {% else %} z {% endif %}{% raw %} {{ {% endraw %} é",
            "{% block a %}{% block b %}{% endblock %}",
            "{{ { {% {% {# #} }} %}",
        ] {
            let mut at = 0;
            tile(&parse(text).body, &mut at);
            assert_eq!(at as usize, text.len(), "{text}");
        }
    }

    #[test]
    fn deep_nesting_ends() {
        let deep =
            |open: &str, close: &str| format!("{{{{ {}x{} }}}}", open.repeat(5_000), close.repeat(5_000));
        for text in [
            deep("(", ")"),
            deep("[", "]"),
            deep("{1:", "}"),
            deep("not ", ""),
            deep("-", ""),
            deep("f(", ")"),
            deep("a.", ""),
            deep("a|b|", ""),
            deep("a if b else ", ""),
            deep("a+", ""),
            "{% if x %}".repeat(5_000),
            "{% block b %}{{ ".repeat(2_000),
        ] {
            let template = parse(&text);
            template.walk(&mut |node| {
                if let NodeKind::Output(values) = &node.kind {
                    for value in values {
                        value.walk(&mut |_| {});
                    }
                }
            });
        }
    }
}
