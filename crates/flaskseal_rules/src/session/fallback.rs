//! The constant that code falls back to where a variable is not set, as it is written.

use flaskseal_core::Span;
use flaskseal_project::Context;
use flaskseal_python::ast::visitor::{Visitor, walk_expr};
use flaskseal_python::ast::{self, Expr};
use flaskseal_python::range_of;

/// The literal that stands as the default of this variable in code that production loads: `os.environ.get(NAME, "…")`,
/// `os.getenv(NAME) or "…"`, `config(NAME, default="…")`.
pub(super) fn fallback_of(cx: &Context<'_>, name: &str) -> Option<(Span, String)> {
    cx.evaluation.loaded.iter().find_map(|file| {
        let module = cx.project.parsed.modules.get(file.0 as usize)?.as_ref()?;
        let mut search = Search { name, found: None };
        search.visit_body(&module.syntax.body);
        let literal = search.found?;
        Some((Span { file: *file, range: range_of(literal) }, literal.value.to_str().to_owned()))
    })
}

struct Search<'a> {
    name: &'a str,
    found: Option<&'a ast::ExprStringLiteral>,
}

impl<'a> Visitor<'a> for Search<'a> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        let found = match expression {
            Expr::Call(call) if self.reads(call) => {
                let keyword = call.arguments.find_keyword("default").map(|keyword| &keyword.value);
                call.arguments.args.get(1).or(keyword)
            }
            Expr::BoolOp(node) if node.op == ast::BoolOp::Or => match node.values.first() {
                Some(Expr::Call(call)) if self.reads(call) => node.values.last(),
                _ => None,
            },
            _ => None,
        };
        if let Some(Expr::StringLiteral(literal)) = found {
            self.found = self.found.or(Some(literal));
        }
        walk_expr(self, expression);
    }
}

impl Search<'_> {
    /// A call that looks like a read of the variable.
    fn reads(&self, call: &ast::ExprCall) -> bool {
        let is_name = matches!(call.arguments.args.first(), Some(Expr::StringLiteral(key)) if key.value.to_str() == self.name);
        let callee = match &*call.func {
            Expr::Name(name) => name.id.as_str(),
            Expr::Attribute(node) => node.attr.id.as_str(),
            _ => "",
        };
        is_name
            && matches!(
                callee,
                "get" | "getenv" | "config" | "str" | "env" | "get_env" | "env_var" | "setdefault"
            )
    }
}
