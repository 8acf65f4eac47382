//! Which files a scan for secrets looks at, and when: the whole tree, once for each application.

use flaskseal_core::Span;
use flaskseal_project::Context;
use flaskseal_project::deploy::EnvFact;

/// Whether this is the application's first start: what concerns files alone is the same for all of them.
pub(super) fn is_first_start(cx: &Context<'_>) -> bool {
    cx.unit.starts.first().is_some_and(|start| std::ptr::eq(&raw const start.entry, cx.entry))
}

/// Whether a file concerns this application: it is in no other application's folder.
pub(super) fn concerns(cx: &Context<'_>, path: &str) -> bool {
    let depth = |folder: &str| -> Option<usize> {
        let below = folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        below.then_some(folder.len())
    };
    let own = depth(&cx.unit.name);
    let deepest = cx.project.apps.iter().filter_map(|app| depth(&app.name)).max();
    // What is in nobody's folder is everybody's.
    deepest.is_none() || own == deepest
}

/// Where a secret stands within what the deployment reader calls its variable's value, which may have the name in it.
pub(super) fn secret_span(cx: &Context<'_>, fact: &EnvFact, secret: &str) -> Span {
    let whole = fact.value_span;
    match cx.text(whole).rfind(secret).filter(|_| !secret.is_empty()) {
        Some(at) => {
            let start = whole.range.start + at as u32;
            Span::new(whole.file, start, start + secret.len() as u32)
        }
        None => whole,
    }
}
