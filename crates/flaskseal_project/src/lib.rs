//! The Project: entries, applications and effective settings; every query that a rule may ask.

use flaskseal_core::{Ledger, Tree};

/// What the user says about production where the tree does not.
#[derive(Clone, Debug, Default)]
pub struct BuildOptions {
    /// `MODULE:CALLABLE`, or a command line such as `gunicorn shop:app`; replaces what the tree says.
    pub entries: Vec<String>,
    /// Contents of `--env-file` files, with the names to print for them, in order; later ones win.
    pub env_files: Vec<(String, String)>,
    /// The environment is known to hold nothing but what the tree and `env_files` say.
    pub env_complete: bool,
}

/// A tree, understood.
pub struct Project<'t> {
    pub tree: &'t Tree,
}

impl<'t> Project<'t> {
    /// Understands a tree. Cannot fail: what is not understood becomes a gap.
    pub fn build(tree: &'t Tree, _options: &BuildOptions) -> Self {
        Self { tree }
    }

    /// Whether anything in the tree is a Flask application or depends on Flask.
    pub fn has_flask(&self) -> bool {
        false
    }

    /// What the analysis could not see, besides what the tree already says.
    pub fn ledger(&self) -> Ledger {
        Ledger::default()
    }
}
