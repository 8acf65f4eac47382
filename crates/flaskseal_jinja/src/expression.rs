//! Expressions, with the precedence of Jinja's own parser (`jinja2/parser.py`).

use std::sync::Arc;

use flaskseal_core::TextRange;

use crate::chunk::{Token, TokenKind};
use crate::tree::{Argument, Binary, Comparison, Expr, ExprKind, Filter, Problem, Unary};

/// Nesting that is followed; a tree is never higher, so that walking it needs no bound of its own.
const MAX_HEIGHT: u16 = 40;

/// Reads the tokens of one tag.
pub(crate) struct Cursor<'t> {
    tokens: &'t [Token],
    at: usize,
    /// Where the tag ends, for what is missing there.
    end: u32,
    depth: u16,
    problems: &'t mut Vec<Problem>,
}

impl<'t> Cursor<'t> {
    pub(crate) fn new(tokens: &'t [Token], end: u32, problems: &'t mut Vec<Problem>) -> Self {
        Self { tokens, at: 0, end, depth: 0, problems }
    }

    pub(crate) fn peek(&self) -> Option<&'t Token> {
        self.tokens.get(self.at)
    }

    pub(crate) fn next(&mut self) -> Option<&'t Token> {
        let token = self.peek()?;
        self.at += 1;
        Some(token)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.peek().is_none()
    }

    fn is(&self, operator: &str) -> bool {
        self.peek().is_some_and(|token| token.is(operator))
    }

    pub(crate) fn eat(&mut self, operator: &str) -> bool {
        let found = self.is(operator);
        self.at += usize::from(found);
        found
    }

    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.peek().and_then(Token::name) == Some(word)
    }

    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    pub(crate) fn name(&mut self) -> Option<Arc<str>> {
        match &self.peek()?.kind {
            TokenKind::Name(name) => {
                self.at += 1;
                Some(name.clone())
            }
            _ => None,
        }
    }

    /// Where the next token is, or the end of the tag.
    fn here(&self) -> TextRange {
        self.peek().map_or(TextRange::new(self.end, self.end), |token| token.range)
    }

    fn start(&self) -> u32 {
        self.here().start
    }

    /// Where the last token ended.
    fn last_end(&self) -> u32 {
        let last = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        last.map_or_else(|| self.start(), |token| token.range.end)
    }

    pub(crate) fn problem(&mut self, message: &str) {
        self.problems.push(Problem { range: self.here(), message: message.to_owned() });
    }

    /// Complains about what is left, and passes over it.
    pub(crate) fn finish(&mut self) {
        if !self.is_done() {
            self.problem("this does not belong here");
            self.at = self.tokens.len();
        }
    }

    fn make(&mut self, start: u32, kind: ExprKind, parts: u16) -> Expr {
        let range = TextRange::new(start, self.last_end().max(start));
        if parts >= MAX_HEIGHT {
            self.problems
                .push(Problem { range, message: "an expression that is nested too deep".to_owned() });
            return Expr { range, kind: ExprKind::Bad, height: 1 };
        }
        Expr { range, kind, height: parts + 1 }
    }

    fn bad(&mut self, message: &str) -> Expr {
        self.problem(message);
        let range = self.here();
        Expr { range: TextRange::new(range.start, range.start), kind: ExprKind::Bad, height: 1 }
    }

    /// An expression, or several with commas between them.
    pub(crate) fn tuple(&mut self) -> Expr {
        self.tuple_of(Self::expression)
    }

    /// What `for` takes: there `if` begins the condition of the loop.
    pub(crate) fn tuple_without_condition(&mut self) -> Expr {
        self.tuple_of(Self::or)
    }

    fn tuple_of(&mut self, element: fn(&mut Self) -> Expr) -> Expr {
        let start = self.start();
        let first = element(self);
        if !self.is(",") {
            return first;
        }
        let mut items = vec![first];
        while self.eat(",") {
            if self.is_done() || self.is(")") || self.is("=") || self.is_word("in") {
                break;
            }
            items.push(element(self));
        }
        let height = highest(&items);
        self.make(start, ExprKind::Tuple(items), height)
    }

    /// What can be assigned to: names, attributes of namespaces, and tuples of these.
    pub(crate) fn target(&mut self) -> Expr {
        self.tuple_of(Self::postfixed)
    }

    /// What one name of `with` or `trans` is bound by.
    pub(crate) fn target_alone(&mut self) -> Expr {
        self.postfixed()
    }

    pub(crate) fn expression(&mut self) -> Expr {
        if self.depth >= MAX_HEIGHT {
            let bad = self.bad("an expression that is nested too deep");
            self.at = self.tokens.len();
            return bad;
        }
        self.depth += 1;
        let start = self.start();
        let mut value = self.or();
        while self.eat_word("if") {
            let test = self.or();
            let otherwise = self.eat_word("else").then(|| Box::new(self.expression()));
            let height =
                value.height.max(test.height).max(otherwise.as_ref().map_or(0, |otherwise| otherwise.height));
            let kind = ExprKind::Conditional { test: Box::new(test), then: Box::new(value), otherwise };
            value = self.make(start, kind, height);
        }
        self.depth -= 1;
        value
    }

    fn or(&mut self) -> Expr {
        self.binary(Self::and, |cursor| cursor.eat_word("or").then_some(Binary::Or))
    }

    fn and(&mut self) -> Expr {
        self.binary(Self::not, |cursor| cursor.eat_word("and").then_some(Binary::And))
    }

    fn not(&mut self) -> Expr {
        let start = self.start();
        let mut count = 0_u16;
        while self.eat_word("not") {
            count = count.saturating_add(1);
        }
        let mut value = self.comparison();
        for _ in 0..count {
            let height = value.height;
            value = self.make(start, ExprKind::Unary(Unary::Not, Box::new(value)), height);
        }
        value
    }

    fn comparison(&mut self) -> Expr {
        let start = self.start();
        let first = self.sum();
        let mut rest = Vec::new();
        while let Some(comparison) = self.comparison_sign() {
            rest.push((comparison, self.sum()));
        }
        if rest.is_empty() {
            return first;
        }
        let height = rest.iter().fold(first.height, |height, (_, operand)| height.max(operand.height));
        self.make(start, ExprKind::Compare(Box::new(first), rest), height)
    }

    fn comparison_sign(&mut self) -> Option<Comparison> {
        const SIGNS: [(&str, Comparison); 6] = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        if let Some((_, comparison)) = SIGNS.iter().find(|(sign, _)| self.is(sign)) {
            self.at += 1;
            return Some(*comparison);
        }
        if self.eat_word("in") {
            return Some(Comparison::In);
        }
        let follows_in = self.tokens.get(self.at + 1).and_then(Token::name) == Some("in");
        if self.is_word("not") && follows_in {
            self.at += 2;
            return Some(Comparison::NotIn);
        }
        None
    }

    fn sum(&mut self) -> Expr {
        self.binary(Self::concatenation, |cursor| {
            if cursor.eat("+") { Some(Binary::Add) } else { cursor.eat("-").then_some(Binary::Subtract) }
        })
    }

    fn concatenation(&mut self) -> Expr {
        let start = self.start();
        let first = self.product();
        if !self.is("~") {
            return first;
        }
        let mut parts = vec![first];
        while self.eat("~") {
            parts.push(self.product());
        }
        let height = highest(&parts);
        self.make(start, ExprKind::Concat(parts), height)
    }

    fn product(&mut self) -> Expr {
        self.binary(Self::power, |cursor| {
            let signs = [
                ("*", Binary::Multiply),
                ("//", Binary::FloorDivide),
                ("/", Binary::Divide),
                ("%", Binary::Modulo),
            ];
            signs.into_iter().find_map(|(sign, binary)| cursor.eat(sign).then_some(binary))
        })
    }

    fn power(&mut self) -> Expr {
        self.binary(Self::unary, |cursor| cursor.eat("**").then_some(Binary::Power))
    }

    fn binary(&mut self, operand: fn(&mut Self) -> Expr, operator: fn(&mut Self) -> Option<Binary>) -> Expr {
        let start = self.start();
        let mut left = operand(self);
        while let Some(binary) = operator(self) {
            let right = operand(self);
            let height = left.height.max(right.height);
            left = self.make(start, ExprKind::Binary(binary, Box::new(left), Box::new(right)), height);
        }
        left
    }

    fn unary(&mut self) -> Expr {
        let start = self.start();
        let mut signs = Vec::new();
        loop {
            if self.eat("-") {
                signs.push(Unary::Minus);
            } else if self.eat("+") {
                signs.push(Unary::Plus);
            } else {
                break;
            }
        }
        let mut value = self.postfixed();
        for sign in signs.into_iter().rev() {
            let height = value.height;
            value = self.make(start, ExprKind::Unary(sign, Box::new(value)), height);
        }
        self.filtered(start, value)
    }

    fn postfixed(&mut self) -> Expr {
        let start = self.start();
        let mut value = self.primary();
        loop {
            let height = value.height;
            if self.eat(".") {
                let kind = match self.peek().map(|token| &token.kind) {
                    Some(TokenKind::Name(name)) => {
                        self.at += 1;
                        ExprKind::Attribute(Box::new(value), name.clone())
                    }
                    Some(TokenKind::Number) => {
                        let range = self.here();
                        self.at += 1;
                        let index = Expr { range, kind: ExprKind::Number, height: 1 };
                        ExprKind::Item(Box::new(value), Box::new(index))
                    }
                    _ => {
                        self.problem("a name is missing after `.`");
                        return value;
                    }
                };
                value = self.make(start, kind, height);
            } else if self.is("[") {
                value = self.subscript(start, value);
            } else if self.is("(") {
                let arguments = self.arguments();
                let height = arguments.iter().fold(height, |height, a| height.max(a.value().height));
                value = self.make(start, ExprKind::Call(Box::new(value), arguments), height);
            } else {
                return value;
            }
        }
    }

    fn subscript(&mut self, start: u32, value: Expr) -> Expr {
        self.at += 1;
        let mut height = value.height;
        let mut parts: Vec<Expr> = Vec::new();
        let mut is_slice = false;
        while !self.is_done() && !self.is("]") {
            if self.eat(":") {
                is_slice = true;
            } else if self.eat(",") {
                // `x[1, 2]` has a tuple for a key.
            } else {
                let before = self.at;
                let part = self.expression();
                height = height.max(part.height);
                parts.push(part);
                if self.at == before {
                    break;
                }
            }
        }
        if !self.eat("]") {
            self.problem("`]` is missing");
        }
        let kind = if is_slice {
            ExprKind::Slice(Box::new(value), parts)
        } else {
            let mut parts = parts.into_iter();
            match (parts.next(), parts.next()) {
                (Some(only), None) => ExprKind::Item(Box::new(value), Box::new(only)),
                _ => ExprKind::Slice(Box::new(value), parts.collect()),
            }
        };
        self.make(start, kind, height)
    }

    /// Filters, tests, and calls of what they give.
    fn filtered(&mut self, start: u32, mut value: Expr) -> Expr {
        loop {
            if self.is("|") {
                self.at += 1;
                let Some(filter) = self.filter() else { return value };
                let height = filter_height(&filter).max(value.height);
                value = self.make(start, ExprKind::Filter(Box::new(value), filter), height);
            } else if self.eat_word("is") {
                let is_negated = self.eat_word("not");
                let Some(name) = self.dotted_name() else {
                    self.problem("the name of a test is missing");
                    return value;
                };
                let arguments = self.test_arguments();
                let height = arguments.iter().fold(value.height, |height, a| height.max(a.value().height));
                value = self.make(start, ExprKind::Test { value: Box::new(value), name, arguments }, height);
                if is_negated {
                    let height = value.height;
                    value = self.make(start, ExprKind::Unary(Unary::Not, Box::new(value)), height);
                }
            } else if self.is("(") {
                let arguments = self.arguments();
                let height = arguments.iter().fold(value.height, |height, a| height.max(a.value().height));
                value = self.make(start, ExprKind::Call(Box::new(value), arguments), height);
            } else {
                return value;
            }
        }
    }

    /// A filter's name and arguments, its `|` behind us.
    fn filter(&mut self) -> Option<Filter> {
        let start = self.start();
        let Some(name) = self.dotted_name() else {
            self.problem("the name of a filter is missing");
            return None;
        };
        let range = TextRange::new(start, self.last_end());
        let arguments = if self.is("(") { self.arguments() } else { Vec::new() };
        Some(Filter { name, range, arguments })
    }

    /// Filters one after the other, as `set` blocks and `filter` blocks have them.
    pub(crate) fn filters(&mut self, mut follows: bool) -> Vec<Filter> {
        let mut filters = Vec::new();
        while follows || self.eat("|") {
            follows = false;
            match self.filter() {
                Some(filter) => filters.push(filter),
                None => break,
            }
        }
        filters
    }

    fn dotted_name(&mut self) -> Option<Arc<str>> {
        let first = self.name()?;
        if !self.is(".") {
            return Some(first);
        }
        let mut name = first.to_string();
        while self.eat(".") {
            name.push('.');
            name.push_str(&self.name()?);
        }
        Some(name.into())
    }

    fn test_arguments(&mut self) -> Vec<Argument> {
        if self.is("(") {
            return self.arguments();
        }
        let begins_argument = match self.peek().map(|token| &token.kind) {
            Some(TokenKind::Name(name)) => {
                !matches!(&**name, "else" | "or" | "and" | "is" | "if" | "in" | "not" | "recursive")
            }
            Some(TokenKind::Str(_) | TokenKind::Number) => true,
            Some(TokenKind::Operator(operator)) => matches!(*operator, "[" | "{"),
            _ => false,
        };
        if begins_argument { vec![Argument::Positional(self.postfixed())] } else { Vec::new() }
    }

    pub(crate) fn arguments(&mut self) -> Vec<Argument> {
        let mut arguments = Vec::new();
        self.at += 1;
        while !self.is_done() && !self.is(")") {
            let before = self.at;
            let assigns = self.tokens.get(self.at + 1).is_some_and(|token| token.is("="));
            if self.eat("**") {
                arguments.push(Argument::DoubleStar(self.expression()));
            } else if self.eat("*") {
                arguments.push(Argument::Star(self.expression()));
            } else if assigns && let Some(name) = self.name() {
                self.at += 1;
                arguments.push(Argument::Keyword(name, self.expression()));
            } else {
                arguments.push(Argument::Positional(self.expression()));
            }
            if !self.eat(",") && !self.is(")") {
                self.problem("`,` or `)` is missing");
                if self.at == before {
                    break;
                }
            }
        }
        self.eat(")");
        arguments
    }

    fn primary(&mut self) -> Expr {
        let start = self.start();
        let Some(token) = self.peek() else { return self.bad("an expression is missing") };
        let kind = match &token.kind {
            TokenKind::Name(name) => match &**name {
                "true" | "True" => ExprKind::Bool(true),
                "false" | "False" => ExprKind::Bool(false),
                "none" | "None" => ExprKind::None,
                _ => ExprKind::Name(name.clone()),
            },
            TokenKind::Str(text) => {
                self.at += 1;
                let mut whole: String = text.to_string();
                while let Some(TokenKind::Str(more)) = self.peek().map(|token| &token.kind) {
                    whole.push_str(more);
                    self.at += 1;
                }
                return self.make(start, ExprKind::Str(whole.into()), 0);
            }
            TokenKind::Number => ExprKind::Number,
            TokenKind::Operator("(") => {
                self.at += 1;
                return self.parenthesised(start);
            }
            TokenKind::Operator("[") => {
                self.at += 1;
                let items = self.items("]");
                let height = highest(&items);
                return self.make(start, ExprKind::List(items), height);
            }
            TokenKind::Operator("{") => {
                self.at += 1;
                return self.dictionary(start);
            }
            TokenKind::Operator(_) => return self.bad("an expression is missing"),
            // The reader of the tokens has complained.
            TokenKind::Bad => ExprKind::Bad,
        };
        self.at += 1;
        self.make(start, kind, 0)
    }

    fn parenthesised(&mut self, start: u32) -> Expr {
        if self.eat(")") {
            return self.make(start, ExprKind::Tuple(Vec::new()), 0);
        }
        let inner = self.tuple();
        if !self.eat(")") {
            self.problem("`)` is missing");
        }
        Expr { range: TextRange::new(start, self.last_end().max(start)), ..inner }
    }

    fn items(&mut self, close: &str) -> Vec<Expr> {
        let mut items = Vec::new();
        while !self.is_done() && !self.is(close) {
            let before = self.at;
            items.push(self.expression());
            if !self.eat(",") && !self.is(close) {
                self.problem("`,` or a bracket is missing");
                if self.at == before {
                    break;
                }
            }
        }
        self.eat(close);
        items
    }

    fn dictionary(&mut self, start: u32) -> Expr {
        let mut entries = Vec::new();
        let mut height = 0;
        while !self.is_done() && !self.is("}") {
            let before = self.at;
            let key = self.expression();
            if !self.eat(":") {
                self.problem("`:` is missing");
                break;
            }
            let value = self.expression();
            height = height.max(key.height).max(value.height);
            entries.push((key, value));
            if !self.eat(",") && !self.is("}") {
                self.problem("`,` or `}` is missing");
                if self.at == before {
                    break;
                }
            }
        }
        self.eat("}");
        self.make(start, ExprKind::Dict(entries), height)
    }
}

fn highest(items: &[Expr]) -> u16 {
    items.iter().map(|item| item.height).max().unwrap_or(0)
}

fn filter_height(filter: &Filter) -> u16 {
    filter.arguments.iter().map(|argument| argument.value().height).max().unwrap_or(0)
}
