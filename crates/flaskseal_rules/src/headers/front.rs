//! What the web server in front adds to the application's responses, and what it takes away.

use std::collections::BTreeSet;

use flaskseal_core::{Evidence, Gap, Layer};
use flaskseal_project::Context;
use flaskseal_project::deploy::web::{AddedHeader, HeaderAtProxy, Site};

use super::effective::{Header, Scope, Value};

/// Whether browsers heed the header only where it comes over TLS.
fn needs_tls(name: &str) -> bool {
    name == "strict-transport-security"
}

/// How a header fares at the server in front. HSTS counts only on sites with TLS.
pub(super) fn at_proxy<'p>(cx: &Context<'p>, name: &str) -> HeaderAtProxy<'p> {
    let mut found = cx.project.deployment.web.header(name);
    if needs_tls(name) {
        found.added.retain(|(site, ..)| site.has_tls());
        found.missing.retain(|(site, _)| site.has_tls());
        found.lost.retain(|(site, ..)| site.has_tls());
        found.hidden.retain(|(site, ..)| site.has_tls());
    }
    found
}

/// Puts what the server in front does on top of what the application sets.
pub(super) fn join(cx: &Context<'_>, list: &mut Vec<Header>) {
    let web = &cx.project.deployment.web;
    let added: BTreeSet<String> = web
        .application_routes()
        .flat_map(|(_, route, _)| &route.headers)
        .map(|header| header.name.to_ascii_lowercase())
        .collect();
    for header in list.iter_mut() {
        let hidden = at_proxy(cx, &header.name).hidden;
        if !hidden.is_empty() && header.scope == Scope::All {
            // What the application sets does not arrive there.
            header.scope = Scope::Conditional;
        }
    }
    for name in added {
        let at = at_proxy(cx, &name);
        let scope = if at.is_everywhere() { Scope::All } else { Scope::Conditional };
        let Some((site, _, first)) = at.added.first() else { continue };
        list.push(of(&name, first, scope, site));
    }
}

fn of(name: &str, added: &AddedHeader, scope: Scope, site: &Site) -> Header {
    let value = if added.value.contains('$') {
        Value::Partial(added.value.clone())
    } else {
        Value::Exact(added.value.clone())
    };
    Header {
        name: name.to_owned(),
        value,
        input: None,
        scope,
        layer: Layer::Deploy,
        span: added.span,
        by: site.program.name().to_owned(),
    }
}

/// Whether the tree has the configuration of a server in front of the application.
pub(super) fn is_known(cx: &Context<'_>) -> bool {
    cx.project.deployment.web.application_routes().next().is_some()
}

/// Why the server in front may add the header all the same.
pub(super) fn unseen(cx: &Context<'_>, name: &str) -> Option<Gap> {
    let open = at_proxy(cx, name).open?;
    let reason = "the web server includes a file that is not in the tree";
    Some(Gap::at(open, reason, "scan it together with what it includes"))
}

/// The site that speaks TLS for the application.
pub(super) fn tls(cx: &Context<'_>) -> Option<Evidence> {
    let web = &cx.project.deployment.web;
    let (site, ..) = web.application_routes().find(|(site, ..)| site.has_tls())?;
    Some(Evidence::at(Layer::Deploy, site.span, format!("{} speaks TLS here", site.program.name())))
}
