//! Which files of the tree a web server in a container finds under its paths.

use flaskseal_core::{Span, path};
use flaskseal_project::deploy::nginx::Configuration;
use flaskseal_project::{Project, Role, role_of};

use super::deployed;

/// A file or a folder of the tree inside a container.
#[derive(Clone)]
pub(super) struct Placed {
    /// In the tree; empty for its root.
    from: String,
    /// In the container.
    to: String,
    span: Span,
}

/// What the containers that load this configuration hold of the tree.
pub(super) fn beside(project: &Project<'_>, configuration: &Configuration) -> Vec<Placed> {
    let loads = |placed: &[Placed]| {
        configuration.files.iter().any(|file| {
            let path = &*project.tree.file(*file).path;
            placed.iter().any(|placed| path == placed.from || rest_below(path, &placed.from).is_some())
        })
    };
    let images = deployed::images(project).map(|image| {
        let copies = image.copies.iter();
        let copies =
            copies.map(|copy| Placed { from: copy.from.clone(), to: copy.to.clone(), span: copy.span });
        (image.file, copies.collect::<Vec<_>>())
    });
    let images: Vec<_> = images.collect();
    let mut found: Vec<Placed> = Vec::new();
    for container in deployed::containers(project) {
        let folder = project.tree.file(container.whole.file).folder();
        let mounts = container.mounts.iter().filter_map(|mount| {
            let from = in_tree(folder, &mount.source)?;
            Some(Placed { from, to: mount.target.trim_end_matches('/').to_owned(), span: mount.span })
        });
        let mut placed: Vec<Placed> = mounts.collect();
        let built = images.iter().filter(|(file, _)| Some(*file) == container.dockerfile);
        placed.extend(built.flat_map(|(_, copies)| copies.iter().cloned()));
        if loads(&placed) {
            found.extend(placed);
        }
    }
    for (_, copies) in images.iter().filter(|(_, copies)| loads(copies)) {
        found.extend(copies.iter().cloned());
    }
    found
}

impl Placed {
    /// The folder of the tree that is below a folder of the container.
    fn seen_at(&self, folder: &str) -> Option<String> {
        if rest_below(&self.to, folder).is_some() {
            return Some(self.from.clone());
        }
        let rest = rest_below(folder, &self.to)?;
        Some(if self.from.is_empty() { rest.to_owned() } else { format!("{}/{rest}", self.from) })
    }
}

/// Code of the tree that lies below a folder of the container: its folder there, who put it there, and whether secrets
/// lie beside it.
pub(super) fn code_below(
    project: &Project<'_>,
    placed: &[Placed],
    folder: &str,
) -> Option<(String, Span, bool)> {
    placed.iter().find_map(|placed| {
        let seen = placed.seen_at(folder)?;
        let is_code = |path: &str| {
            path.ends_with(".py")
                && role_of(path) == Role::Source
                && (path == seen || rest_below(path, &seen).is_some())
        };
        let code = project.tree.files.iter().find(|file| is_code(&file.path))?;
        let env = if seen.is_empty() { ".env".to_owned() } else { format!("{seen}/.env") };
        Some((code.path.to_string(), placed.span, project.tree.exists(&env)))
    })
}

/// `./static` beside a Compose file, as a path of the tree.
fn in_tree(folder: &str, source: &str) -> Option<String> {
    let relative = source
        .strip_prefix("${PWD}")
        .or_else(|| source.strip_prefix("$PWD"))
        .map_or(source, |rest| rest.trim_start_matches('/'));
    if relative.starts_with(['/', '~', '$']) {
        return None;
    }
    path::join(folder, relative)
}

/// The rest of a path that lies in a folder or is it.
fn rest_below<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    let folder = folder.trim_end_matches('/');
    if folder.is_empty() {
        return Some(path.trim_start_matches('/'));
    }
    let rest = path.strip_prefix(folder)?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
}
