//! What is known of a Flask application: its settings, routes and hooks.

use std::sync::Arc;

use flaskseal_core::Span;

use crate::fact::Fact;
use crate::guard::Guard;
use crate::heap::{ObjectId, Shape};
use crate::machine::Machine;
use crate::value::{Kind, Value};

/// A Flask application.
#[derive(Debug)]
pub struct App {
    /// Where it is made.
    pub span: Option<Span>,
    /// `flask.Flask`, or the program's subclass of it.
    pub class: Arc<crate::fact::ClassFact>,
    pub settings: Vec<SettingFact>,
    /// Any setting may differ from what is listed: a mapping under unknown keys was applied.
    pub open: bool,
    pub overlays: Vec<Overlay>,
    pub routes: Vec<Route>,
    pub hooks: Vec<Hook>,
    pub static_folder: Option<Fact>,
    pub static_url_path: Option<Fact>,
}

/// An entry of `app.config`.
#[derive(Clone, Debug)]
pub struct SettingFact {
    pub name: Arc<str>,
    pub value: Fact,
    /// Where it was written last, one place per path; empty for a default.
    pub written: Vec<Span>,
}

/// Settings that come, or may come, from outside the tree.
#[derive(Clone, Debug)]
pub struct Overlay {
    /// "`config.py`, which is not in the tree".
    pub what: String,
    pub optional: bool,
    pub span: Option<Span>,
}

#[derive(Clone, Debug)]
pub struct Route {
    pub rule: Fact,
    pub endpoint: Fact,
    /// Upper-case method names; `None` where they are not known.
    pub methods: Option<Vec<String>>,
    pub view: Fact,
    pub span: Option<Span>,
}

/// A function that runs around requests.
#[derive(Clone, Debug)]
pub struct Hook {
    /// The method that registered it: `before_request`, `after_app_request`; `errorhandler` for every handler.
    pub name: String,
    pub function: Fact,
    /// The blueprint that registered it, by its name in endpoints; empty where that is not known. `None` for the
    /// application itself.
    pub blueprint: Option<String>,
}

impl Hook {
    /// Whether it runs for every route of the application, and not only for those of a blueprint.
    pub fn is_global(&self) -> bool {
        self.blueprint.is_none() || self.name.contains("_app_") || self.name.starts_with("app_")
    }

    /// Whether it runs for the route.
    pub fn covers(&self, route: &Route) -> bool {
        let Some(blueprint) = self.blueprint.as_ref().filter(|_| !self.is_global()) else { return true };
        let endpoint = route.endpoint.as_str().unwrap_or_default();
        endpoint.rsplit_once('.').is_some_and(|(owner, _)| {
            owner == blueprint
                || owner.strip_prefix(blueprint.as_str()).is_some_and(|rest| rest.starts_with('.'))
        })
    }
}

impl App {
    /// Every setting may have another value than the one that was seen.
    pub(crate) fn forget_certainty(&mut self) {
        self.open = true;
        for setting in &mut self.settings {
            let seen = std::mem::replace(&mut setting.value, Fact::UNKNOWN);
            let mut alternatives: Vec<(Fact, Guard)> =
                seen.alternatives().into_iter().map(|(fact, guard)| (fact.clone(), guard.clone())).collect();
            alternatives.push((Fact::UNKNOWN, Guard::ALWAYS));
            setting.value.kind = crate::fact::FactKind::OneOf(alternatives);
        }
    }

    pub fn setting(&self, name: &str) -> Option<&SettingFact> {
        self.settings
            .binary_search_by(|setting| (*setting.name).cmp(name))
            .ok()
            .map(|index| &self.settings[index])
    }
}

/// The facts of an application as it is now.
pub(crate) fn app_facts(
    machine: &mut Machine<'_>,
    app: ObjectId,
    routes: &[crate::flask::RouteValue],
) -> App {
    let class = match &machine.heap.get(app).shape {
        Shape::Instance { class } => class.clone(),
        _ => Value::UNKNOWN,
    };
    let mut settings = Vec::new();
    let mut overlays = Vec::new();
    let mut open = false;
    let config = machine.heap.attribute(app, "config").and_then(Value::as_object);
    if let Some(config) = config {
        if let Some(dict) = machine.heap.dict(config) {
            open = dict.rest.is_some();
            for (key, value) in &dict.entries {
                let Some(name) = key.as_str() else { continue };
                let places = machine.heap.attribute(config, &format!("@at:{name}")).map(Value::alternatives);
                let written = places.unwrap_or_default().iter().filter_map(|place| place.value.at).collect();
                settings.push(SettingFact { name: name.into(), value: machine.fact(value), written });
            }
        }
        settings.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(list) = machine.heap.attribute(config, "@overlays").cloned() {
            let elements = machine.elements(&list);
            for entry in elements.known.into_iter().chain(elements.rest) {
                for alternative in entry.alternatives() {
                    if let Kind::Tuple(parts) = &alternative.value.kind
                        && let [what, optional] = &**parts
                    {
                        overlays.push(Overlay {
                            what: what.as_str().unwrap_or_default().to_owned(),
                            optional: machine.truth(optional).known() == Some(true),
                            span: what.at,
                        });
                    }
                }
            }
        }
    }
    let routes = routes
        .iter()
        .map(|route| {
            let methods = machine.elements(&route.methods);
            let known: Option<Vec<String>> = match methods.rest {
                None => methods.known.iter().map(|method| method.as_str().map(str::to_uppercase)).collect(),
                Some(_) => None,
            };
            Route {
                rule: machine.fact(&route.rule),
                endpoint: machine.fact(&route.endpoint),
                methods: known,
                view: machine.fact(&route.view),
                span: route.at,
            }
        })
        .collect();
    let hooks = crate::flask::hooks(machine, app);
    let hooks = hooks
        .into_iter()
        .map(|hook| Hook {
            function: machine.fact(&hook.function),
            name: hook.name,
            blueprint: hook.blueprint,
        })
        .collect();
    let option = |machine: &Machine<'_>, name: &str| {
        machine.heap.attribute(app, name).map(|value| machine.fact(value))
    };
    App {
        span: machine.heap.attribute(app, "@created").and_then(|value| value.at),
        class: machine.class_fact(&class),
        settings,
        open,
        overlays,
        routes,
        hooks,
        static_folder: option(machine, "static_folder"),
        static_url_path: option(machine, "static_url_path"),
    }
}
