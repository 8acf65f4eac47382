//! Where a process starts: folder, environment and user.

use std::sync::Arc;

use flaskseal_core::Tree;

use crate::files::folder_exists;
use crate::image::Built;
use crate::start::State;

pub(super) fn image_state(tree: &Tree, built: &Built, home: String) -> State {
    let mut state = State {
        env: built.env.clone(),
        cwd: built.cwd.clone(),
        user: built.user.clone(),
        mounts: Arc::new(built.mounts.clone()),
        home,
        ..State::default()
    };
    settle(tree, &mut state);
    state
}

/// Finds the folder of the tree that the working directory is.
pub(super) fn settle(tree: &Tree, state: &mut State) {
    let cwd = state.cwd.as_deref().unwrap_or("/");
    state.folder = state.mounts.locate(tree, cwd).filter(|folder| folder_exists(tree, folder));
}

/// A process that the platform starts in the folder of its file.
pub(super) fn host_state(folder: &str) -> State {
    State { home: folder.to_owned(), folder: Some(folder.to_owned()), ..State::default() }
}
