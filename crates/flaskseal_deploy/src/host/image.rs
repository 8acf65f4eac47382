//! What a Dockerfile builds, as far as privileges and leaks are concerned.

use flaskseal_core::path::join_absolute;
use flaskseal_core::{FileId, Tree};

use super::{BuiltImage, Copied, Leak, Said, WholeContext};
use crate::files;
use crate::image::{Built, ContextCopy, Ignore, below, segment_matches};

/// Files of the tree that have no business in an image, by their names; what is in them is up to the rules.
pub(crate) fn private_paths(tree: &Tree) -> Vec<(&str, bool)> {
    let known = tree.paths.iter().filter(|known| is_private(&known.path));
    known.map(|known| (&*known.path, known.untracked)).take(500).collect()
}

fn is_private(path: &str) -> bool {
    if files::is_example(path) {
        return false;
    }
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let lower = name.to_ascii_lowercase();
    let extension = lower.rsplit_once('.').map_or("", |(_, extension)| extension);
    lower == ".env"
        || lower.starts_with(".env.")
        || matches!(extension, "pem" | "key" | "p12" | "pfx" | "sqlite" | "sqlite3" | "db" | "env")
        || matches!(&*lower, "id_rsa" | "id_ed25519" | "id_ecdsa" | ".netrc" | ".pgpass" | ".pypirc")
        || folder.split('/').any(|part| part == "instance")
}

pub(crate) fn image(
    tree: &Tree,
    file: FileId,
    context: &str,
    built: &Built,
    private: &[(&str, bool)],
    dev: bool,
) -> Option<BuiltImage> {
    let ignore = Ignore::find(tree, file, context);
    let said = |(value, span): &(crate::Value, flaskseal_core::Span)| Said::new(value.clone(), *span);
    let mut image = BuiltImage {
        file,
        dev,
        stage: built.stage?,
        base: built.base.as_ref().map(said),
        user: built.said_user.as_ref().map(said),
        command: built.start,
        drops_root: drops_root(tree, built),
        healthcheck: built.healthcheck.map(|(on, span)| Said::new(on, span)),
        leaks: Vec::new(),
        whole_context: Vec::new(),
        owned_code: Vec::new(),
        copies: built
            .copies
            .iter()
            .filter(|copy| copy.glob.is_none())
            .map(|copy| Copied { from: copy.from.clone(), to: copy.to.clone(), span: copy.span })
            .collect(),
    };
    for copy in &built.copies {
        if copy.folder && copy.from == context && copy.glob.as_deref().is_none_or(|glob| glob == "*") {
            image.whole_context.push(WholeContext {
                span: copy.span,
                is_root: context.is_empty(),
                ignores_git: ignore.covers(".git"),
                ignores_env: ignore.covers(".env"),
                ignore_file: ignore.file,
            });
        }
        for (path, untracked) in private.iter().filter(|(path, _)| takes(copy, path)) {
            let inside = if context.is_empty() { Some(*path) } else { below(path, context) };
            let kept = inside.is_some_and(|inside| !ignore.covers(inside.trim_start_matches('/')));
            if kept && image.leaks.len() < 100 && !image.leaks.iter().any(|known| known.path == *path) {
                image.leaks.push(Leak { path: (*path).to_owned(), untracked: *untracked, span: copy.span });
            }
        }
        if let Some(owner) = &copy.owner
            && copy.folder
        {
            image.owned_code.push(Said::new(owner.clone(), copy.span));
        }
    }
    Some(image)
}

fn takes(copy: &ContextCopy, path: &str) -> bool {
    if !copy.folder {
        return copy.from == path;
    }
    let rest = if copy.from.is_empty() { Some(path) } else { below(path, &copy.from) };
    let Some(rest) = rest.filter(|rest| !rest.is_empty()) else { return false };
    let first = rest.split('/').next().unwrap_or(rest);
    copy.glob.as_deref().is_none_or(|glob| segment_matches(glob, first))
}

/// Whether a script that starts the container changes to another user.
fn drops_root(tree: &Tree, built: &Built) -> bool {
    let words = built.entrypoint.iter().flatten().chain(built.cmd.iter().flatten());
    let mut texts: Vec<String> = words.clone().map(|word| word.text().to_owned()).collect();
    let scripts = words.filter_map(|word| {
        let path = word.text();
        let absolute = join_absolute(built.cwd.as_deref().unwrap_or("/"), path);
        let found = built.mounts.locate(tree, &absolute).and_then(|path| tree.find(&path));
        Some(tree.file(found?).text.to_string())
    });
    texts.extend(scripts.take(4));
    texts.iter().any(|text| {
        let words = text
            .split(|letter: char| letter.is_ascii_whitespace() || matches!(letter, '"' | '\'' | '(' | ';'));
        words.map(crate::command::base_name).any(|word| {
            matches!(
                word,
                "gosu"
                    | "su-exec"
                    | "setpriv"
                    | "runuser"
                    | "s6-setuidgid"
                    | "chpst"
                    | "setuidgid"
                    | "tini-su"
            )
        })
    })
}
