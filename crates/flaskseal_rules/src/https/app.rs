//! What the application makes of the proxy in front of it.

use flaskseal_core::Span;
use flaskseal_project::Context;
use flaskseal_project::deploy::{CliOption, Server};
use flaskseal_project::semantic::{Context as When, Event, Fact, FactKind};
use flaskseal_python::ast::visitor::{Visitor, walk_expr};
use flaskseal_python::ast::{Expr, Stmt};
use flaskseal_python::range_of;

/// `ProxyFix` as it is applied while production starts.
pub(super) fn proxy_fixes<'p>(cx: &Context<'p>) -> Vec<&'p Event> {
    cx.calls("proxy.fix").filter(|call| call.guard.holds_by_default()).collect()
}

/// How many values of one header `ProxyFix` trusts; None where it is not known.
pub(super) fn trusted(call: &Event, index: usize, name: &str, default: i64) -> Option<i64> {
    // Before 0.15 one number stood for all.
    if let Some(all) = call.keyword("num_proxies") {
        return all.as_int();
    }
    match call.argument(index, name) {
        Some(value) => value.by_default().as_int(),
        None if call.open => None,
        None => Some(default),
    }
}

/// The parameters of `ProxyFix` behind the application, with their defaults (Werkzeug 1.0 and newer).
pub(super) const PARAMETERS: [(&str, &str, i64); 5] = [
    ("x_for", "X-Forwarded-For", 1),
    ("x_proto", "X-Forwarded-Proto", 1),
    ("x_host", "X-Forwarded-Host", 0),
    ("x_port", "X-Forwarded-Port", 0),
    ("x_prefix", "X-Forwarded-Prefix", 0),
];

/// Where Talisman sends visitors to HTTPS, which it does unless debug is on.
pub(super) fn forces_https<'p>(cx: &Context<'p>) -> Option<&'p Event> {
    let debug = cx.setting("DEBUG").is_some_and(|debug| debug.value.by_default().truth() == Some(true));
    let talisman = cx.calls("headers.talisman").filter(|call| call.context == When::Start).find(|call| {
        call.argument(0, "app").is_some_and(|app| !matches!(app.kind, FactKind::None))
            && call.keyword("force_https").and_then(Fact::truth) != Some(false)
    });
    talisman.filter(|_| !debug)
}

/// An option of the server's command line, or the setting of gunicorn's configuration file.
pub(super) fn option<'p>(cx: &Context<'p>, names: &[&str]) -> Option<&'p CliOption> {
    let process = cx.entry.process.as_ref()?;
    process.options.iter().rev().find(|option| names.contains(&option.name.as_str()))
}

/// A setting of gunicorn's configuration file.
pub(super) fn server_setting<'p>(cx: &Context<'p>, name: &str) -> Option<&'p Fact> {
    cx.entry.server_settings.iter().find(|(known, _)| &**known == name).map(|(_, fact)| fact)
}

/// The server itself reads what the proxy says of the client.
pub(super) fn server_reads_proxy(cx: &Context<'_>) -> Option<Span> {
    let process = cx.entry.process.as_ref()?;
    match process.server {
        Server::Waitress => option(cx, &["trusted-proxy"]).map(|option| option.span),
        Server::Uvicorn | Server::Hypercorn | Server::Granian => {
            option(cx, &["proxy-headers", "forwarded-allow-ips"]).map(|option| option.span)
        }
        _ => None,
    }
}

/// Where production's code uses the client's address, or an address of its own with scheme and host.
pub(super) fn uses_of_client(cx: &Context<'_>) -> Option<Span> {
    find(
        cx,
        &[
            "remote_addr",
            "_external",
            "is_secure",
            "access_route",
            "get_remote_address",
            "host_url",
            "url_root",
        ],
        &|expression| match expression {
            Expr::Attribute(node) => matches!(
                node.attr.as_str(),
                "remote_addr" | "is_secure" | "access_route" | "host_url" | "url_root" | "base_url"
            ),
            Expr::Call(call) => call
                .arguments
                .keywords
                .iter()
                .any(|keyword| keyword.arg.as_ref().is_some_and(|name| name == "_external")),
            Expr::Name(name) => name.id.as_str() == "get_remote_address",
            _ => false,
        },
    )
}

/// Middleware of the application's own that takes the client's scheme or address from somewhere.
pub(super) fn own_middleware(cx: &Context<'_>) -> Option<Span> {
    find(cx, &["wsgi.url_scheme", "REMOTE_ADDR"], &|expression| {
        matches!(expression, Expr::Subscript(node) if matches!(node.ctx, flaskseal_python::ast::ExprContext::Store)
            && matches!(&*node.slice, Expr::StringLiteral(text) if matches!(text.value.to_str(), "wsgi.url_scheme" | "REMOTE_ADDR")))
    })
}

fn find(cx: &Context<'_>, words: &[&str], wanted: &dyn Fn(&Expr) -> bool) -> Option<Span> {
    struct Search<'w> {
        wanted: &'w dyn Fn(&Expr) -> bool,
        found: Option<flaskseal_core::TextRange>,
    }
    impl<'a> Visitor<'a> for Search<'_> {
        fn visit_expr(&mut self, expression: &'a Expr) {
            if self.found.is_some() {
                return;
            }
            if (self.wanted)(expression) {
                self.found = Some(range_of(expression));
                return;
            }
            walk_expr(self, expression);
        }
    }
    cx.evaluation.loaded.iter().find_map(|file| {
        let text = &cx.project.tree.file(*file).text;
        if !words.iter().any(|word| text.contains(word)) {
            return None;
        }
        let module = cx.project.parsed.modules.get(file.0 as usize)?.as_ref()?;
        let mut search = Search { wanted, found: None };
        let body: &[Stmt] = &module.syntax.body;
        for statement in body {
            search.visit_stmt(statement);
        }
        search.found.map(|range| Span { file: *file, range })
    })
}
