//! What Dockerfiles and deployment scripts install: `pip install`, `uv sync`, `poetry install` and their kin.

use flaskseal_core::path::join_within;
use flaskseal_core::{FileId, Span, TextRange, Tree};
use flaskseal_deploy::dockerfile::{CommandForm, Dockerfile, Stage};
use flaskseal_deploy::shell::{self, Simple, Statement, StatementKind};
use flaskseal_deploy::{Deployment, FileKind};
use flaskseal_deps::{IndexKind, Requirement, normalize};

/// One command that installs packages for production.
#[derive(Debug)]
pub struct Install {
    pub tool: InstallTool,
    /// The command.
    pub span: Span,
    /// Requirements files that are installed, in the tree.
    pub files: Vec<FileId>,
    /// Constraints files, in the tree.
    pub constraints: Vec<FileId>,
    /// Packages that the command itself names.
    pub requirements: Vec<(Requirement, Span)>,
    /// The folder of the tree whose project is installed: `pip install .`, `uv sync`.
    pub project: Option<String>,
    /// Newer versions are taken than what is there: `-U`.
    pub upgrades: bool,
    pub requires_hashes: bool,
    /// Where else packages are taken from.
    pub indexes: Vec<(IndexKind, String, Span)>,
    /// Extras of the project, normalised; `*` for all.
    pub extras: Vec<String>,
    /// Groups for developers are installed as well.
    pub with_development: bool,
    /// It stands in a Dockerfile.
    pub in_image: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InstallTool {
    Pip,
    Uv,
    Poetry,
    Pdm,
    Pipenv,
}

/// More commands than this are not looked at.
const MAX_INSTALLS: usize = 500;

/// Every command that installs for production, Dockerfiles first. Dockerfiles for development count where there are
/// no others.
pub(super) fn read(tree: &Tree, deployment: &Deployment) -> Vec<Install> {
    let mut found = Vec::new();
    for (file, dockerfile) in dockerfiles(tree, deployment) {
        let context = context_of(tree, deployment, file);
        let mut stages: Vec<&Stage> = flaskseal_deploy::final_stages(&dockerfile);
        stages.extend(flaskseal_deploy::copied_stages(&dockerfile));
        for stage in stages {
            let no_dev = stage.instructions.iter().any(|instruction| {
                instruction.keyword.value == "ENV" && instruction.arguments.text.contains("UV_NO_DEV")
            });
            for instruction in stage.instructions.iter().filter(|one| one.keyword.value == "RUN") {
                let reader = Reader { tree, file, folder: &context, in_image: true, no_dev };
                match instruction.command() {
                    CommandForm::Exec(words) => {
                        let words: Vec<(String, TextRange)> =
                            words.into_iter().map(|word| (word.value, word.range)).collect();
                        reader.command(&words, instruction.range, &mut found);
                    }
                    CommandForm::Shell(mapped) => {
                        reader.statements(&shell::parse_mapped(&mapped).tree.statements, &mut found);
                    }
                }
                for heredoc in &instruction.heredocs {
                    let mut inside = Vec::new();
                    reader.statements(&shell::parse(&heredoc.value).tree.statements, &mut inside);
                    // Places inside a here-document are those of the document.
                    found.extend(
                        inside
                            .into_iter()
                            .map(|install| Install { span: Span { file, range: heredoc.range }, ..install }),
                    );
                }
            }
        }
    }
    for (file, kind) in &deployment.files {
        let source = tree.file(*file);
        if *kind != FileKind::ShellScript || flaskseal_deploy::is_dev(&source.path) {
            continue;
        }
        let folder = source.folder().to_owned();
        let reader = Reader { tree, file: *file, folder: &folder, in_image: false, no_dev: false };
        reader.statements(&shell::parse(&source.text).tree.statements, &mut found);
    }
    found.truncate(MAX_INSTALLS);
    found
}

/// The Dockerfiles of production, read.
pub(super) fn dockerfiles(tree: &Tree, deployment: &Deployment) -> Vec<(FileId, Dockerfile)> {
    let all =
        deployment.files.iter().filter(|(_, kind)| *kind == FileKind::Dockerfile).map(|(file, _)| *file);
    let is_dev = |file: &FileId| flaskseal_deploy::is_dev(&tree.file(*file).path);
    let used: Vec<FileId> =
        deployment.production().filter_map(|process| Some(process.image.as_ref()?.dockerfile)).collect();
    let mut chosen: Vec<FileId> = if used.is_empty() {
        all.clone().filter(|file| !is_dev(file)).collect()
    } else {
        all.clone().filter(|file| used.contains(file)).collect()
    };
    if chosen.is_empty() {
        chosen = all.collect();
    }
    chosen
        .into_iter()
        .map(|file| (file, flaskseal_deploy::dockerfile::parse(&tree.file(file).text).tree))
        .collect()
}

fn context_of(tree: &Tree, deployment: &Deployment, dockerfile: FileId) -> String {
    let images = deployment.processes.iter().filter_map(|process| process.image.as_ref());
    let known =
        images.filter(|image| image.dockerfile == dockerfile).map(|image| image.context.clone()).next();
    known.unwrap_or_else(|| tree.file(dockerfile).folder().to_owned())
}

struct Reader<'a> {
    tree: &'a Tree,
    file: FileId,
    /// The folder of the tree that relative paths are looked up in.
    folder: &'a str,
    in_image: bool,
    no_dev: bool,
}

type Words = [(String, TextRange)];

impl Reader<'_> {
    fn statements(&self, statements: &[Statement], found: &mut Vec<Install>) {
        for statement in statements {
            match &statement.kind {
                StatementKind::Simple(simple) => self.simple(simple, found),
                StatementKind::If { branches, otherwise } => {
                    for branch in branches {
                        self.statements(&branch.condition, found);
                        self.statements(&branch.body, found);
                    }
                    self.statements(otherwise, found);
                }
                StatementKind::Case { arms, .. } => {
                    for arm in arms {
                        self.statements(&arm.body, found);
                    }
                }
                StatementKind::Loop { body }
                | StatementKind::Function { body, .. }
                | StatementKind::Group(body) => self.statements(body, found),
            }
        }
    }

    fn simple(&self, simple: &Simple, found: &mut Vec<Install>) {
        // A word with a variable in it keeps its place and says nothing.
        let words: Vec<(String, TextRange)> =
            simple.words.iter().map(|word| (word.literal().unwrap_or("\0").to_owned(), word.range)).collect();
        self.command(&words, simple.range, found);
    }

    fn command(&self, words: &Words, range: TextRange, found: &mut Vec<Install>) {
        let name = |index: usize| words.get(index).map(|(word, _)| word.rsplit('/').next().unwrap_or(word));
        // `sudo`, `exec`, `env NAME=VALUE` before the program.
        let start = words
            .iter()
            .position(|(word, _)| {
                !matches!(word.as_str(), "sudo" | "exec" | "env" | "time") && !word.contains('=')
            })
            .unwrap_or(0);
        let at = |offset: usize| name(start + offset).unwrap_or("");
        let is_pip =
            |word: &str| word == "pip" || word == "pip3" || word.starts_with("pip3.") || word == "pipx";
        let (tool, rest) = match (at(0), at(1), at(2), at(3)) {
            (pip, "install", ..) if is_pip(pip) => (InstallTool::Pip, start + 2),
            (python, "-m", "pip", "install") if python.starts_with("python") => (InstallTool::Pip, start + 4),
            ("uv", "pip", "install" | "sync", _) => (InstallTool::Pip, start + 3),
            ("pip-sync", ..) => (InstallTool::Pip, start + 1),
            ("uv", "sync", ..) => (InstallTool::Uv, start + 2),
            ("poetry", "install" | "sync", ..) => (InstallTool::Poetry, start + 2),
            ("pdm", "install" | "sync", ..) => (InstallTool::Pdm, start + 2),
            ("pipenv", "install" | "sync", ..) => (InstallTool::Pipenv, start + 2),
            _ => return,
        };
        let files_are_words = at(0) == "pip-sync" || (at(0) == "uv" && at(1) == "pip" && at(2) == "sync");
        let options = words.get(rest..).unwrap_or(&[]);
        let mut install = Install {
            tool,
            span: Span { file: self.file, range },
            files: Vec::new(),
            constraints: Vec::new(),
            requirements: Vec::new(),
            project: None,
            upgrades: false,
            requires_hashes: false,
            indexes: Vec::new(),
            extras: Vec::new(),
            with_development: false,
            in_image: self.in_image,
        };
        if tool == InstallTool::Pip {
            self.pip(options, files_are_words, &mut install);
        } else {
            self.project(tool, options, &mut install);
        }
        if found.len() < MAX_INSTALLS {
            found.push(install);
        }
    }

    fn pip(&self, options: &Words, files_are_words: bool, install: &mut Install) {
        let mut at = 0;
        while let Some((word, range)) = options.get(at) {
            at += 1;
            let (option, inline) = match word.split_once('=') {
                Some((option, value)) if option.starts_with("--") => (option, Some(value)),
                _ => (word.as_str(), None),
            };
            let takes_value = matches!(
                option,
                "-r" | "--requirement"
                    | "-c"
                    | "--constraint"
                    | "-i"
                    | "--index-url"
                    | "--extra-index-url"
                    | "-f"
                    | "--find-links"
                    | "--trusted-host"
                    | "-t"
                    | "--target"
                    | "--prefix"
                    | "--root"
                    | "--cache-dir"
                    | "--timeout"
                    | "--retries"
                    | "--no-binary"
                    | "--only-binary"
                    | "--python"
                    | "-p"
                    | "--proxy"
                    | "--index-strategy"
                    | "--default-index"
                    | "--index"
                    | "--src"
                    | "-e"
                    | "--editable"
                    | "--platform"
                    | "--python-version"
                    | "--config-settings"
                    | "--progress-bar"
                    | "--upgrade-strategy"
                    | "--extra"
                    | "--constraints"
                    | "--requirements"
                    | "--build-constraint"
                    | "--upgrade-package"
                    | "-P"
            );
            let value = match inline {
                Some(value) => Some((value.to_owned(), *range)),
                None if takes_value => {
                    let next = options.get(at).cloned();
                    at += 1;
                    next
                }
                None => None,
            };
            let span = |range: TextRange| Span { file: self.file, range };
            let index = |kind, value: &Option<(String, TextRange)>| {
                value.as_ref().map(|(url, range)| (kind, url.clone(), span(*range)))
            };
            match option {
                "-r" | "--requirement" | "--requirements" => {
                    install.files.extend(value.and_then(|(path, _)| self.find(&path)));
                }
                "-c" | "--constraint" | "--constraints" => {
                    install.constraints.extend(value.and_then(|(path, _)| self.find(&path)));
                }
                "-i" | "--index-url" | "--default-index" => {
                    install.indexes.extend(index(IndexKind::Main, &value));
                }
                "--extra-index-url" | "--index" => install.indexes.extend(index(IndexKind::Extra, &value)),
                "--trusted-host" => install.indexes.extend(index(IndexKind::TrustedHost, &value)),
                "-f" | "--find-links" => install.indexes.extend(index(IndexKind::Links, &value)),
                "--index-strategy"
                    if value.as_ref().is_some_and(|(value, _)| value.starts_with("unsafe-")) =>
                {
                    install.indexes.extend(index(IndexKind::UnsafeStrategy, &value));
                }
                "--extra" => install.extras.extend(value.map(|(extra, _)| normalize(&extra))),
                "-U" | "--upgrade" => install.upgrades = true,
                "--require-hashes" => install.requires_hashes = true,
                "-e" | "--editable" => {
                    if let Some((target, range)) = value {
                        self.package(&target, range, install);
                    }
                }
                _ if option.starts_with("-r") && !option.starts_with("--") && option.len() > 2 => {
                    install.files.extend(option.get(2..).and_then(|path| self.find(path)));
                }
                _ if option.starts_with('-') => {}
                _ if files_are_words => install.files.extend(self.find(word)),
                _ => self.package(word, *range, install),
            }
        }
    }

    fn package(&self, word: &str, range: TextRange, install: &mut Install) {
        let (target, extras) = match word.split_once('[') {
            Some((target, extras)) if target.is_empty() || target.starts_with('.') => {
                (target, extras.trim_end_matches(']'))
            }
            _ => (word, ""),
        };
        if target == "." || target == "./" || (target.starts_with("./") && !target.contains('*')) {
            let below = target.trim_start_matches('.').trim_matches('/');
            install.project = Some(join_within(self.folder, below));
            install.extras.extend(extras.split(',').filter(|extra| !extra.is_empty()).map(normalize));
        } else if target.contains('\0') || target.starts_with(['/', '.']) {
            // A path outside the tree, or a variable.
        } else if target.contains("://") {
            let mut requirement = Requirement::new("", range);
            requirement.url = Some(target.to_owned());
            install.requirements.push((requirement, Span { file: self.file, range }));
        } else if let Ok(requirement) = Requirement::parse(word, range.start) {
            install.requirements.push((requirement, Span { file: self.file, range }));
        }
    }

    fn project(&self, tool: InstallTool, options: &Words, install: &mut Install) {
        let has = |names: &[&str]| options.iter().any(|(word, _)| names.contains(&word.as_str()));
        let values = |name: &str| -> Vec<String> {
            let mut found = Vec::new();
            for (at, (word, _)) in options.iter().enumerate() {
                if word == name {
                    found.extend(options.get(at + 1).map(|(value, _)| value.clone()));
                } else if let Some(value) = word.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')) {
                    found.push(value.to_owned());
                }
            }
            let split = |text: String| text.split([',', ' ']).map(str::to_owned).collect::<Vec<_>>();
            found.into_iter().flat_map(split).collect()
        };
        install.project = Some(self.folder.to_owned());
        install.extras.extend(
            values("--extra").iter().chain(&values("--extras")).chain(&values("-E")).map(|e| normalize(e)),
        );
        if has(&["--all-extras"]) {
            install.extras.push("*".to_owned());
        }
        let without = [values("--without"), values("--no-group")].concat();
        install.with_development = match tool {
            InstallTool::Uv => {
                let only = !values("--only-group").is_empty();
                !(self.no_dev
                    || has(&["--no-dev", "--no-default-groups"])
                    || without.contains(&"dev".to_owned())
                    || only)
            }
            InstallTool::Poetry => {
                let only = values("--only");
                !(has(&["--no-dev", "--only-root"])
                    || only.iter().any(|group| group == "main")
                    || without.contains(&"dev".to_owned()))
            }
            InstallTool::Pdm => !has(&["--prod", "--production", "--no-dev"]),
            InstallTool::Pipenv => has(&["--dev", "-d"]),
            InstallTool::Pip => false,
        };
    }

    /// The file of the tree that a command means: below the folder, or the one of that name nearest to it. In an image
    /// it may have been copied anywhere.
    fn find(&self, path: &str) -> Option<FileId> {
        if path.contains('\0') {
            return None;
        }
        let clean = path.trim_start_matches("./");
        if let Some(file) = self.tree.find(&join_within(self.folder, clean)) {
            return Some(file);
        }
        let name = clean.rsplit('/').next()?;
        let same_name = self.tree.ids().filter(|id| self.tree.file(*id).name() == name);
        let key = |id: &FileId| {
            let file = self.tree.file(*id);
            let ends_alike = file.path.ends_with(clean.trim_start_matches('/'));
            (!ends_alike, !file.path.starts_with(self.folder), file.path.matches('/').count(), *id)
        };
        same_name.min_by_key(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installs(files: &[(&str, &str)]) -> (Tree, Vec<Install>) {
        let tree =
            Tree::from_texts(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
        let deployment = flaskseal_deploy::read(&tree);
        let found = read(&tree, &deployment);
        (tree, found)
    }

    #[test]
    fn commands_of_an_image() {
        let (tree, found) = installs(&[
            ("requirements.txt", "flask\n"),
            (
                "Dockerfile",
                "FROM python:3.12 AS lint\nRUN pip install ruff\nFROM python:3.12\nCOPY requirements.txt /tmp/\nRUN apt-get update && pip install --no-cache-dir -r /tmp/requirements.txt \\\n    --extra-index-url http://own/ 'gunicorn==20.1.0' $MORE\nRUN [\"python\", \"-m\", \"pip\", \"install\", \"-U\", \".[prod]\"]\nRUN uv sync --frozen\nRUN poetry install --only main -E async\n",
            ),
        ]);
        let shown: Vec<_> = found.iter().map(|install| (install.tool, install.with_development)).collect();
        assert_eq!(
            shown,
            [
                (InstallTool::Pip, false),
                (InstallTool::Pip, false),
                (InstallTool::Uv, true),
                (InstallTool::Poetry, false)
            ]
        );
        assert_eq!(found[0].files, [tree.find("requirements.txt").unwrap()]);
        assert_eq!(found[0].requirements[0].0.name, "gunicorn");
        assert_eq!(
            tree.file(found[0].requirements[0].1.file).slice(found[0].requirements[0].1.range),
            "'gunicorn==20.1.0'"
        );
        assert_eq!(found[0].indexes[0].1, "http://own/");
        assert_eq!((found[1].project.as_deref(), found[1].upgrades), (Some(""), true));
        assert_eq!(
            (found[1].extras.as_slice(), found[3].extras.as_slice()),
            (&["prod".to_owned()][..], &["async".to_owned()][..])
        );
    }

    #[test]
    fn near_misses() {
        let (_, found) = installs(&[(
            "Dockerfile",
            "FROM python:3.12\nRUN echo pip install flask && npm install && pip download x && apt-get install pip\n",
        )]);
        assert!(found.is_empty(), "{found:?}");
    }
}
