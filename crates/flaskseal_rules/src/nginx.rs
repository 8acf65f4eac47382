//! What rules about nginx ask again and again.

use flaskseal_core::{Evidence, Layer, Span};
use flaskseal_project::Project;
use flaskseal_project::deploy::nginx::{Configuration, Directive, LevelId, LevelKind};

/// The configurations that count: those of development files only where there are no others.
pub(crate) fn configurations<'p>(project: &'p Project<'_>) -> impl Iterator<Item = &'p Configuration> {
    let is_dev = |configuration: &Configuration| {
        configuration
            .files
            .iter()
            .all(|file| flaskseal_project::deploy::is_dev(&project.tree.file(*file).path))
    };
    let all = &project.deployment.web.nginx;
    let all_dev = all.iter().all(is_dev);
    all.iter().filter(move |configuration| all_dev || !is_dev(configuration))
}

pub(crate) fn evidence(span: Span, claim: impl Into<String>) -> Evidence {
    Evidence::at(Layer::Deploy, span, claim)
}

/// Where a level stands, in words that survive moved lines: `shop.example /static`.
pub(crate) fn scope(configuration: &Configuration, id: LevelId) -> String {
    let mut words: Vec<String> = Vec::new();
    for level in configuration.chain(id) {
        let here = configuration.level(level);
        match here.kind {
            LevelKind::Server => {
                let name = configuration.own(level, "server_name").next().and_then(|names| names.argument(0));
                words.extend(name.map(str::to_owned));
            }
            LevelKind::Location | LevelKind::If => {
                let head = here.head.iter().flat_map(|head| &head.arguments);
                words.push(head.map(|word| word.text.as_str()).collect::<Vec<_>>().join(" "));
            }
            _ => {}
        }
    }
    words.reverse();
    words.join(" ")
}

/// Every directive of a web server with its level, in the order of the levels.
pub(crate) fn directives(configuration: &Configuration) -> impl Iterator<Item = (LevelId, &Directive)> {
    configuration
        .ids()
        .filter(|id| configuration.is_web(*id))
        .flat_map(|id| configuration.level(id).directives().map(move |directive| (id, directive)))
}

/// Whether a name is one that only clients on the same machine or in a private network use.
pub(crate) fn is_private_address(address: &str) -> bool {
    let host = address.trim_start_matches('[').split(']').next().unwrap_or(address);
    let first: Vec<&str> = host.split('.').collect();
    let number = |index: usize| first.get(index).and_then(|part| part.parse::<u8>().ok());
    match (number(0), number(1)) {
        (Some(10 | 127), _) | (Some(192), Some(168)) | (Some(169), Some(254)) => true,
        (Some(172), Some(second)) => (16..32).contains(&second),
        _ => {
            let lower = host.to_ascii_lowercase();
            lower == "localhost" || lower == "::1" || lower.starts_with("fd") || lower.starts_with("fc")
        }
    }
}
