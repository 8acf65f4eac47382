//! Images that production runs in: name, tag and digest.

use flaskseal_core::Span;
use flaskseal_project::Project;
use flaskseal_project::deploy::{FileKind, base_image, compose, dockerfile, is_dev};

/// `docker.io/library/python:3.12-slim@sha256:...`, taken apart.
pub(super) struct ImageName<'a> {
    /// Without registry and folders: `python`.
    pub(super) name: &'a str,
    pub(super) tag: Option<&'a str>,
    pub(super) digest: bool,
}

impl<'a> ImageName<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, _)) => (rest, true),
            None => (text, false),
        };
        let last = rest.rsplit('/').next().unwrap_or(rest);
        match last.split_once(':') {
            Some((name, tag)) => Self { name, tag: Some(tag), digest },
            None => Self { name: last, tag: None, digest },
        }
    }
}

/// The image that each Dockerfile of production begins with, and those that Compose files name.
pub(super) fn images(project: &Project<'_>) -> Vec<(String, Span)> {
    let mut found = Vec::new();
    for (file, kind) in &project.deployment.files {
        let source = project.tree.file(*file);
        if is_dev(&source.path) {
            continue;
        }
        match kind {
            FileKind::Dockerfile => {
                let tree = dockerfile::parse(&source.text).tree;
                if let Some(base) = base_image(&tree)
                    && let Some(name) = base.name
                {
                    found.push((name, Span { file: *file, range: base.range }));
                }
            }
            FileKind::Compose => {
                for service in compose::parse(&source.text).tree.services {
                    // What is built here is named only to be stored.
                    if let (Some(image), None) = (service.image, service.build) {
                        found.push((image.value, Span { file: *file, range: image.range }));
                    }
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_images() {
        let parts = |text| {
            let image = ImageName::parse(text);
            (image.name.to_owned(), image.tag.map(str::to_owned), image.digest)
        };
        assert_eq!(parts("python"), ("python".to_owned(), None, false));
        assert_eq!(
            parts("host:5000/a/python:3@sha256:ab"),
            ("python".to_owned(), Some("3".to_owned()), true)
        );
    }
}
