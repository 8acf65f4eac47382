//! Images that are built here: what they start, and what is in them.

use flaskseal_core::path::join;
use flaskseal_core::{FileId, Tree};

use super::Reader;
use super::state::{image_state, settle};
use crate::dockerfile::Dockerfile;
use crate::files::{ancestors, folder_exists};
use crate::image::Built;
use crate::model::Image;
use crate::{files, host, image};

impl Reader<'_> {
    pub(super) fn dockerfiles(&mut self) {
        let ids: Vec<FileId> =
            self.sources.dockerfiles.keys().copied().filter(|id| !self.taken.contains(id)).collect();
        for id in ids {
            let (built, Some(image)) = self.lone_image(id) else { continue };
            let file = self.tree.file(id);
            let mut state = image_state(self.tree, &built, file.folder().to_owned());
            settle(self.tree, &mut state);
            self.built_image(&image, &built, files::is_dev(&file.path));
            let command = built.command(None, None);
            let found = self.follower.words(&command, state);
            let name = file.name().to_owned();
            self.finish(found, &name, id, files::is_dev(&file.path), Some(&image), true);
        }
    }

    pub(super) fn lone_image(&self, file: FileId) -> (Built, Option<Image>) {
        let Some(dockerfile) = self.sources.dockerfiles.get(&file) else { return (Built::default(), None) };
        let context = context_of(self.tree, file, dockerfile);
        let Some(built) =
            image::build(self.tree, file, dockerfile, &context, &[], production_stage(dockerfile))
        else {
            return (Built::default(), None);
        };
        let image = Image { dockerfile: file, context, dotenv_files: built.dotenv_files.clone() };
        (built, Some(image))
    }

    pub(super) fn built_image(&mut self, image: &Image, built: &Built, dev: bool) {
        if self.private_paths.is_none() {
            self.private_paths = Some(host::image::private_paths(self.tree));
        }
        let private = self.private_paths.as_deref().unwrap_or_default();
        let Some(image) =
            host::image::image(self.tree, image.dockerfile, &image.context, built, private, dev)
        else {
            return;
        };
        // The same stage may be built for production and for development.
        match self.out.host.images.iter_mut().find(|known| known.stage == image.stage) {
            Some(known) => known.dev &= image.dev,
            None => self.out.host.images.push(image),
        }
    }
}

/// The stage that production runs: the last one, unless its name says that it is for tests and another's does not.
fn production_stage(dockerfile: &Dockerfile) -> Option<&str> {
    let last = dockerfile.stages.last()?.name.as_deref()?;
    if !files::is_dev(last) {
        return None;
    }
    let named = dockerfile.stages.iter().rev().filter_map(|stage| stage.name.as_deref());
    named
        .into_iter()
        .find(|name| matches!(*name, "prod" | "production" | "release" | "runtime" | "final" | "app" | "web"))
}

/// The build context, guessed: the folder, from the Dockerfile's upwards, that has most of what is copied.
fn context_of(tree: &Tree, file: FileId, dockerfile: &Dockerfile) -> String {
    let folder = tree.file(file).folder();
    let instructions = dockerfile.stages.iter().flat_map(|stage| &stage.instructions);
    let copies = instructions.filter(|instruction| {
        matches!(instruction.keyword.value.as_str(), "COPY" | "ADD") && instruction.flag("from").is_none()
    });
    let sources: Vec<String> = copies
        .take(200)
        .flat_map(|instruction| {
            let mut words = instruction.words();
            words.pop();
            words.into_iter().map(|word| word.value)
        })
        .filter(|source| !source.contains(['*', '$', '?']) && !matches!(source.as_str(), "." | "./"))
        .collect();
    let score = |folder: &str| {
        let exists = |source: &&String| {
            join(folder, source).is_some_and(|path| tree.exists(&path) || folder_exists(tree, &path))
        };
        sources.iter().filter(exists).count()
    };
    let has_python = |folder: &str| {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        {
            let first = tree.paths.partition_point(|known| *known.path < *prefix);
            let below = tree.paths.iter().skip(first).take_while(|known| known.path.starts_with(&prefix));
            below.take(10_000).any(|known| known.path.ends_with(".py"))
        }
    };
    let mut best = (0, false, folder);
    for (index, candidate) in ancestors(folder).take(8).enumerate() {
        let this = (score(candidate), has_python(candidate), candidate);
        if index == 0 || (this.0, this.1) > (best.0, best.1) {
            best = this;
        }
    }
    best.2.to_owned()
}
