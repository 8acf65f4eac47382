//! Connections that the application opens itself: the calls that do, and whom they reach.

use flaskseal_project::Context;
use flaskseal_project::Role;
use flaskseal_project::models::{Models, Port};
use flaskseal_project::semantic::{Event, Fact, FactKind};

/// Calls of HTTP clients, each with the address that it asks.
pub(super) fn requests<'p>(
    cx: &Context<'p>,
) -> impl Iterator<Item = (&'p Event, Option<&'p Fact>)> + use<'p> {
    let cx = *cx;
    cx.evaluation.events.iter().filter_map(move |event| {
        let sinks = Models::bundled().sinks(&event.path);
        let sink = sinks.iter().find(|sink| sink.context.starts_with("url.fetch"))?;
        if cx.project.role(event.span.file) == Role::Test
            || event.context == flaskseal_project::semantic::Context::MainOnly
        {
            return None;
        }
        let url = match &sink.port {
            Port::Argument { index, name } => index
                .and_then(|index| event.positional.get(index))
                .or_else(|| name.as_ref().and_then(|name| event.keyword(name))),
            _ => None,
        };
        Some((&**event, url))
    })
}

/// The beginning of a text that is known.
pub(super) fn known_prefix(fact: &Fact) -> Option<String> {
    match &fact.by_default().kind {
        FactKind::Str(rope) => {
            let shown = rope.to_string();
            Some(shown.split('{').next().unwrap_or_default().to_owned())
        }
        _ => None,
    }
}

/// The host of an address that is known so far: `api.example.com` of `http://user@api.example.com:8080/{…}`. Empty where
/// the address ends before it.
pub(super) fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    match host.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

/// Whether a host is this machine, or one that only a private network knows: `db`, `10.0.0.5`, `vault.internal`.
pub(super) fn is_private(host: &str) -> bool {
    let lower = host.to_ascii_lowercase();
    !lower.contains('.')
        || crate::nginx::is_private_address(&lower)
        || [".internal", ".local", ".localhost", ".lan", ".cluster.local", ".svc", ".test"]
            .iter()
            .any(|end| lower.ends_with(end))
        || lower.starts_with("169.254.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_taken_out_of_addresses() {
        assert_eq!(host("http://user:pw@api.example.com:8080/a?b"), "api.example.com");
        assert_eq!(host("http://[::1]:80/"), "::1");
        assert_eq!(host("http://"), "");
        assert!(
            is_private("db")
                && is_private("10.1.2.3")
                && is_private("vault.internal")
                && !is_private("example.com")
        );
    }
}
