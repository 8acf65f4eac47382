//! The functions of the program that answer routes.

use std::collections::{BTreeMap, BTreeSet};

use flaskseal_core::Span;
use flaskseal_project::Context;
use flaskseal_project::semantic::{FactKind, FunctionResult, Route};
use flaskseal_python::ast;

use crate::access::{function_at, view_span};

/// A function that answers at least one route: a view, or a method of a view class.
pub(crate) struct View<'p> {
    pub(crate) span: Span,
    pub(crate) node: &'p ast::StmtFunctionDef,
    pub(crate) routes: Vec<&'p Route>,
    /// The methods that reach it; `None` where a route's are not known.
    pub(crate) methods: Option<BTreeSet<&'p str>>,
}

impl<'p> View<'p> {
    pub(crate) fn name(&self) -> &'p str {
        self.node.name.id.as_str()
    }

    /// Whether requests that change something reach it.
    pub(crate) fn is_unsafe(&self) -> bool {
        self.has_any(&["POST", "PUT", "PATCH", "DELETE"])
    }

    pub(crate) fn has_any(&self, methods: &[&str]) -> bool {
        self.methods.as_ref().is_some_and(|known| methods.iter().any(|method| known.contains(method)))
    }

    /// Its route, for a message: `POST /account/avatar`.
    pub(crate) fn shown(&self) -> String {
        let rule = self.routes.first().and_then(|route| route.rule.as_str()).unwrap_or("?");
        let method = self.methods.iter().flatten().find(|method| **method != "GET").unwrap_or(&"GET");
        format!("{method} {rule}")
    }
}

/// Every view of the application, in the order of the source.
pub(crate) fn views<'p>(cx: &Context<'p>) -> Vec<View<'p>> {
    let mut views: Vec<View<'p>> = Vec::new();
    let mut index_of: BTreeMap<Span, usize> = BTreeMap::new();
    for route in cx.app.map(|app| app.routes.as_slice()).unwrap_or_default() {
        let of_route = |methods: &'p Option<Vec<String>>| {
            methods.as_ref().map(|methods| methods.iter().map(String::as_str).collect::<BTreeSet<_>>())
        };
        let mut add = |span: Span, methods: Option<BTreeSet<&'p str>>| {
            if let Some(known) = index_of.get(&span).and_then(|index| views.get_mut(*index)) {
                known.routes.push(route);
                known.methods =
                    known.methods.take().zip(methods).map(|(a, b)| a.union(&b).copied().collect());
            } else if let Some(node) = function_at(cx, span) {
                index_of.insert(span, views.len());
                views.push(View { span, node, routes: vec![route], methods });
            }
        };
        if let Some(span) = view_span(cx, route) {
            add(span, of_route(&route.methods));
            continue;
        }
        for class in classes(route) {
            for function in functions_in(cx, class) {
                let is_inside = class.range.encloses(function.span.range);
                let method = function.qualified_name.rsplit('.').next().unwrap_or_default();
                let own = match method {
                    "get" => "GET",
                    "post" => "POST",
                    "put" => "PUT",
                    "patch" => "PATCH",
                    "delete" => "DELETE",
                    "dispatch_request" if is_inside => {
                        add(function.span, of_route(&route.methods));
                        continue;
                    }
                    _ => continue,
                };
                if is_inside {
                    add(function.span, Some(BTreeSet::from([own])));
                }
            }
        }
    }
    views.sort_by_key(|view| view.span);
    views
}

/// The functions that begin in a class; functions are sorted by their places.
fn functions_in<'p>(cx: &Context<'p>, class: Span) -> &'p [FunctionResult] {
    let functions = &cx.evaluation.functions;
    let begins_before = |offset: u32| {
        functions.partition_point(|function| {
            (function.span.file, function.span.range.start) < (class.file, offset)
        })
    };
    functions.get(begins_before(class.range.start)..begins_before(class.range.end)).unwrap_or_default()
}

/// Where the classes are written that answer a route.
fn classes(route: &Route) -> Vec<Span> {
    let alternatives = route.view.alternatives();
    let instances = alternatives.iter().filter_map(|(view, _)| match &view.kind {
        FactKind::Instance(_, attributes) => Some(attributes),
        _ => None,
    });
    instances
        .flatten()
        .filter_map(|(name, value)| match &value.kind {
            FactKind::Class(class) if &**name == "@class" => class.span,
            _ => None,
        })
        .collect()
}
