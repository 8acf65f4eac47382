//! The certificates of sites that speak TLS, where their files are in the tree.

use flaskseal_core::{FileId, Span};
use flaskseal_project::Project;
use flaskseal_project::deploy::certificate::Located;
use flaskseal_project::deploy::web::Site;

use super::front;

/// A certificate that a site names.
pub(super) struct Used<'p> {
    pub(super) site: &'p Site,
    /// As written.
    pub(super) path: &'p str,
    /// The directive that names it.
    pub(super) span: Span,
    /// The chain in the file, the site's own first; None where the file is not in the tree.
    pub(super) chain: Option<(FileId, &'p [Located])>,
}

/// The certificates of all sites that speak TLS.
pub(super) fn used<'p>(project: &'p Project<'_>) -> Vec<Used<'p>> {
    front::with_tls(project)
        .flat_map(|(site, _)| site.tls.certificates.iter().map(move |(path, span)| (site, path, span)))
        .map(|(site, path, span)| Used { site, path, span: *span, chain: find(project, site, path) })
        .collect()
}

/// The file of the tree that a path of the machine means: the one with the most of its last parts. A name alone says
/// little: it counts near the root, and in the folder at the top that the site's file is in too.
fn find<'p>(project: &'p Project<'_>, site: &Site, path: &str) -> Option<(FileId, &'p [Located])> {
    let shared = |known: &str| {
        known.rsplit('/').zip(path.rsplit('/')).take_while(|(a, b)| a == b && !a.is_empty()).count()
    };
    let files = project.deployment.certificates.iter();
    let (file, chain) = files.max_by_key(|(file, _)| shared(&project.tree.file(*file).path))?;
    let found = &*project.tree.file(*file).path;
    let is_near = || {
        let top = |path: &str| path.split_once('/').map(|(top, _)| top.to_owned());
        found.matches('/').count() <= 1 || top(found) == top(&project.tree.file(site.span.file).path)
    };
    let is_meant = match shared(found) {
        0 => false,
        1 => is_near(),
        _ => true,
    };
    is_meant.then_some((*file, chain.as_slice()))
}

pub(super) fn place(file: FileId, located: &Located) -> Span {
    Span { file, range: located.range }
}

/// A name that only a network of one's own knows.
pub(super) fn is_internal(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    !name.contains('.')
        || matches!(last, "local" | "localhost" | "internal" | "lan" | "home" | "corp" | "intranet" | "test")
        || last.bytes().all(|byte| byte.is_ascii_digit())
}
