//! What the start command turns out to run: a server for production, or the development server.

use flaskseal_core::{Evidence, Layer, Span};
use flaskseal_project::semantic::{Context as When, Event, Fact, FactKind};
use flaskseal_project::{Context, ServerKind};

/// What serves production.
pub(super) enum Serving<'p> {
    /// A WSGI server, or a platform that brings one.
    Production(Evidence),
    /// `flask run`, or a script that calls the development server.
    Development(Option<&'p Event>),
    /// A guessed entry, or a script that starts nothing that is known.
    Unknown,
}

impl<'p> Serving<'p> {
    pub(super) fn of(cx: &Context<'p>) -> Self {
        match cx.entry.server {
            ServerKind::Wsgi => {
                let claim = format!("`{}` serves the application", cx.entry.display);
                Self::Production(match cx.entry.span {
                    Some(span) => cx.evidence(span, claim),
                    None => Evidence::general(Layer::Deploy, claim),
                })
            }
            ServerKind::FlaskRun => Self::Development(None),
            ServerKind::Script => Self::of_script(cx),
            ServerKind::Unknown => Self::Unknown,
        }
    }

    fn of_script(cx: &Context<'p>) -> Self {
        if let Some(call) = first_call(cx, &["server.production"]) {
            return Self::Production(cx.evidence(call.span, "this server serves the application"));
        }
        if let Some(call) = first_call(cx, &["app.run", "server.development"]) {
            return Self::Development(Some(call));
        }
        let Some(call) = first_call(cx, &["socketio.run"]) else { return Self::Unknown };
        // Flask-SocketIO takes eventlet or gevent where one is installed, and the development server otherwise.
        if ["eventlet", "gevent"].iter().any(|name| cx.project.installs(name)) {
            return Self::Production(
                cx.evidence(call.span, "Flask-SocketIO serves it with eventlet or gevent"),
            );
        }
        Self::Development(Some(call))
    }
}

/// The first call that the start-up makes where no open variable is set; one in a function that nothing is seen to
/// call counts where there is no other.
fn first_call<'p>(cx: &Context<'p>, roles: &[&'static str]) -> Option<&'p Event> {
    let calls = || {
        let all = roles.iter().flat_map(|role| cx.calls(role));
        all.filter(|call| call.guard.holds_by_default() && !is_in_command(cx, call))
    };
    calls().find(|call| call.context == When::Start).or_else(|| calls().next())
}

/// Whether a call stands in a command of the application's command line, which no server runs.
pub(super) fn is_in_command(cx: &Context<'_>, call: &Event) -> bool {
    let decorated = call.function.and_then(|function| cx.decorated(function));
    decorated.iter().flat_map(|decorated| &decorated.decorators).any(|(decorator, span)| {
        let text = cx.text(*span);
        decorator.as_path().is_some_and(|path| path.starts_with("click.") || path.contains(".cli.command"))
            || text.contains(".cli.command")
            || text.contains("click.command")
            || text.contains("manager.command")
    })
}

/// Whether code counts as what production runs where nobody sets an open variable.
pub(super) fn runs_in_production(cx: &Context<'_>, call: &Event) -> bool {
    call.context != When::MainOnly && call.guard.holds_by_default() && !is_in_command(cx, call)
}

/// The address is one that other machines reach.
pub(super) fn is_everywhere(host: &str) -> bool {
    matches!(host, "0.0.0.0" | "::" | "[::]" | "")
}

/// A setting of the application that a method is called on, as it is at that moment.
pub(super) fn receiver_setting<'f>(call: &'f Event, name: &str) -> Option<&'f Fact> {
    let FactKind::Instance(_, attributes) = &call.receiver.as_ref()?.kind else { return None };
    let (_, config) = attributes.iter().find(|(attribute, _)| &**attribute == "config")?;
    let FactKind::Dict { entries, .. } = &config.kind else { return None };
    entries.iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value)
}

/// What Flask reads as "on" in `FLASK_DEBUG` (`flask.helpers.get_debug_flag`): everything but these.
pub(super) fn is_truthy_debug(text: &str) -> bool {
    !text.is_empty() && !matches!(text.to_lowercase().as_str(), "0" | "false" | "no")
}

/// The place of a value, or of the alternative of it that runs by default.
pub(super) fn place_of(value: &Fact) -> Option<Span> {
    value.at.or_else(|| value.alternatives().iter().find(|(_, guard)| guard.holds_by_default())?.0.at)
}
