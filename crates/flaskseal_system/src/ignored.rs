//! What version control ignores: the rules of `.gitignore` files, each below its own folder, the deepest first.

use std::path::Path;
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::file::read_bounded;

/// The largest `.gitignore` that is obeyed, in bytes; real ones stay below a tenth of it.
const LIMIT: u64 = 256 * 1024;

/// The rules that hold in a folder: its own, then its parents'.
#[derive(Default)]
pub(crate) struct Rules {
    own: Option<Gitignore>,
    above: Option<Arc<Self>>,
}

impl Rules {
    /// The rules that a repository around `root` lays down for it. None outside a repository, and none where the
    /// repository ignores `root` itself: whoever names a folder wants it checked.
    pub(crate) fn around(root: &Path) -> Arc<Self> {
        let Some(top) = root.ancestors().find(|folder| folder.join(".git").exists()) else {
            return Arc::default();
        };
        let mut rules = Arc::new(Self { own: read(&top.join(".git/info/exclude"), top), above: None });
        let between: Vec<&Path> =
            root.ancestors().skip(1).take_while(|folder| folder.starts_with(top)).collect();
        for folder in between.into_iter().rev() {
            rules = rules.with_file(&folder.join(".gitignore"), folder);
        }
        // `build/` ignores the folder, `build/*` what is in it.
        let ignores_root = root
            .ancestors()
            .take_while(|folder| folder.starts_with(top) && *folder != top)
            .any(|folder| rules.ignores(folder, true))
            || rules.ignores(&root.join("app"), false);
        if ignores_root { Arc::default() } else { rules }
    }

    /// These rules, and above them those of the `.gitignore` of a folder below.
    pub(crate) fn with_file(self: Arc<Self>, file: &Path, folder: &Path) -> Arc<Self> {
        match read(file, folder) {
            Some(own) => Arc::new(Self { own: Some(own), above: Some(self) }),
            None => self,
        }
    }

    /// Whether the path is ignored, its folders not being so.
    pub(crate) fn ignores(&self, path: &Path, is_folder: bool) -> bool {
        let mut rules = Some(self);
        while let Some(here) = rules {
            match here.own.as_ref().map_or(Match::None, |own| own.matched(path, is_folder)) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => rules = here.above.as_deref(),
            }
        }
        false
    }
}

/// The rules of one file; `None` when it is absent, too large or has none. A malformed pattern matches nothing, as
/// in git.
fn read(file: &Path, folder: &Path) -> Option<Gitignore> {
    // Git does not follow a link here either.
    let metadata = std::fs::symlink_metadata(file).ok().filter(std::fs::Metadata::is_file)?;
    let bytes = read_bounded(file, metadata.len(), LIMIT).ok()??;
    let mut builder = GitignoreBuilder::new(folder);
    for line in String::from_utf8_lossy(&bytes).trim_start_matches('\u{FEFF}').lines() {
        let _ = builder.add_line(None, line);
    }
    builder.build().ok().filter(|rules| !rules.is_empty())
}
