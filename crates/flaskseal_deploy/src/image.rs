//! What a Dockerfile builds: environment, user, start command, and which folder of the tree is where in the image.

use std::collections::BTreeMap;
use std::sync::Arc;

use flaskseal_core::path::{join, join_absolute};
use flaskseal_core::{FileId, Span, TextRange, Tree};

use crate::dockerfile::{CommandForm, Dockerfile, Instruction};
use crate::files::folder_exists;
use crate::model::{CopiedFile, EnvVar, Environment, Mechanism};
use crate::shell::Argument;
use crate::syntax::Spanned;
use crate::value::{self, Dialect, Value};

/// Where files of the tree are in a container or on a host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mounts {
    entries: Vec<Mount>,
}

#[derive(Clone, Debug)]
struct Mount {
    /// Absolute.
    to: String,
    /// In the tree.
    from: String,
    folder: bool,
}

impl Mounts {
    pub(crate) fn add(&mut self, to: String, from: String, folder: bool) {
        if self.entries.len() < 1_000 {
            self.entries.push(Mount { to, from, folder });
        }
    }

    /// The path in the tree of an absolute path; later mounts hide earlier ones, unless they do not have the file.
    pub(crate) fn locate(&self, tree: &Tree, path: &str) -> Option<String> {
        let mut first = None;
        for mount in self.entries.iter().rev() {
            let from = if !mount.folder {
                if mount.to != path {
                    continue;
                }
                mount.from.clone()
            } else if let Some(below) = below(path, &mount.to) {
                let Some(from) = join(&mount.from, below) else { continue };
                from
            } else {
                continue;
            };
            if tree.exists(&from) || folder_exists(tree, &from) {
                return Some(from);
            }
            first = first.or(Some(from));
        }
        first
    }
}

/// The rest of a path below a folder.
pub(crate) fn below<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    if folder == "/" {
        return path.strip_prefix('/');
    }
    let rest = path.strip_prefix(folder)?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
}

/// A stage, built.
#[derive(Clone, Debug, Default)]
pub(crate) struct Built {
    pub(crate) env: Environment,
    /// None: as the base image has it.
    pub(crate) cwd: Option<String>,
    pub(crate) user: Option<(String, Span)>,
    pub(crate) entrypoint: Option<Vec<Argument>>,
    /// The entrypoint is a shell command, which ignores CMD.
    entrypoint_in_shell: bool,
    pub(crate) cmd: Option<Vec<Argument>>,
    pub(crate) mounts: Mounts,
    pub(crate) dotenv_files: Vec<CopiedFile>,
    /// The `FROM` of the stage.
    pub(crate) stage: Option<Span>,
    /// The image that the first of its stages is built on.
    pub(crate) base: Option<(Value, Span)>,
    /// As `user`, with what the tree does not tell.
    pub(crate) said_user: Option<(Value, Span)>,
    /// The last CMD or ENTRYPOINT.
    pub(crate) start: Option<Span>,
    /// HEALTHCHECK, and whether it checks anything.
    pub(crate) healthcheck: Option<(bool, Span)>,
    /// What comes from the context.
    pub(crate) copies: Vec<ContextCopy>,
}

/// A file or folder of the tree that is copied into the image.
#[derive(Clone, Debug)]
pub(crate) struct ContextCopy {
    /// In the tree.
    pub(crate) from: String,
    /// In the image.
    pub(crate) to: String,
    pub(crate) folder: bool,
    /// The last part of the source, where it is a pattern.
    pub(crate) glob: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) span: Span,
}

impl Built {
    /// ENTRYPOINT and CMD together, each possibly replaced from outside.
    pub(crate) fn command(
        &self,
        entrypoint: Option<Vec<Argument>>,
        cmd: Option<Vec<Argument>>,
    ) -> Vec<Argument> {
        let replaced = entrypoint.is_some();
        let own_cmd = if replaced { None } else { self.cmd.clone() };
        let in_shell = !replaced && self.entrypoint_in_shell;
        let mut command = entrypoint.or_else(|| self.entrypoint.clone()).unwrap_or_default();
        if !in_shell {
            command.extend(cmd.or(own_cmd).unwrap_or_default());
        }
        command
    }
}

/// More stages than this are not built.
const MAX_STAGES: usize = 64;

/// Builds the last stage, or the one that is named.
pub(crate) fn build(
    tree: &Tree,
    file: FileId,
    dockerfile: &Dockerfile,
    context: &str,
    given: &[(String, Value)],
    target: Option<&str>,
) -> Option<Built> {
    let mut builder = Builder {
        tree,
        file,
        context,
        given,
        global: BTreeMap::new(),
        ignore: Ignore::find(tree, file, context),
        dotenv_paths: dotenv_paths(tree),
        done: Vec::new(),
    };
    for instruction in &dockerfile.global {
        builder.global_arguments(instruction);
    }
    for stage in dockerfile.stages.iter().take(MAX_STAGES) {
        let base = Builder::replaced(&stage.base.value, &Environment::default(), &builder.global);
        let base = base.text().to_ascii_lowercase();
        let from = Span { file, range: stage.base.range };
        let mut built = builder.named(&base).cloned().unwrap_or_else(|| {
            let value = Builder::replaced(&stage.base.value, &Environment::default(), &builder.global);
            Built { base: Some((value, from)), ..Built::default() }
        });
        built.stage =
            Some(stage.instructions.first().map_or(from, |first| Span { file, range: first.range }));
        let mut arguments = BTreeMap::new();
        let inherited_cmd = built.cmd.is_some();
        let mut own_cmd = false;
        for instruction in stage.instructions.iter().take(5_000) {
            own_cmd |= instruction.keyword.value == "CMD";
            builder.run(instruction, &mut built, &mut arguments);
            if instruction.keyword.value == "ENTRYPOINT" && inherited_cmd && !own_cmd {
                built.cmd = None;
            }
        }
        let wanted = target.is_some_and(|target| stage.name.as_deref() == Some(&target.to_ascii_lowercase()));
        if wanted {
            return Some(built);
        }
        builder.done.push((stage.name.clone(), built));
    }
    builder.done.pop().map(|(_, built)| built)
}

fn dotenv_paths(tree: &Tree) -> Vec<&str> {
    let paths = tree.paths.iter().map(|known| &*known.path);
    paths.filter(|path| matches!(path.rsplit('/').next(), Some(".env" | ".flaskenv"))).take(100).collect()
}

struct Builder<'a> {
    tree: &'a Tree,
    file: FileId,
    context: &'a str,
    given: &'a [(String, Value)],
    global: BTreeMap<String, Value>,
    ignore: Ignore,
    /// The `.env` and `.flaskenv` files of the tree.
    dotenv_paths: Vec<&'a str>,
    done: Vec<(Option<String>, Built)>,
}

impl Builder<'_> {
    fn named(&self, name: &str) -> Option<&Built> {
        let by_name = self.done.iter().rev().find(|(known, _)| known.as_deref() == Some(name));
        let by_number = || name.parse::<usize>().ok().and_then(|index| self.done.get(index));
        by_name.or_else(by_number).map(|(_, built)| built)
    }

    fn replaced(text: &str, env: &Environment, arguments: &BTreeMap<String, Value>) -> Value {
        let lookup = |name: &str| {
            env.get(name).map(|variable| variable.value.clone()).or_else(|| arguments.get(name).cloned())
        };
        value::evaluate(&value::parts(text, Dialect::Dockerfile), &lookup)
    }

    fn global_arguments(&mut self, instruction: &Instruction) {
        for pair in instruction.pairs() {
            let (name, default) = pair.value;
            let value = self.argument_value(&name, default.as_deref(), &Environment::default(), &self.global);
            self.global.insert(name, value);
        }
    }

    fn argument_value(
        &self,
        name: &str,
        default: Option<&str>,
        env: &Environment,
        arguments: &BTreeMap<String, Value>,
    ) -> Value {
        if let Some((_, value)) = self.given.iter().rev().find(|(known, _)| known == name) {
            return value.clone();
        }
        let default = match default {
            Some(text) => Self::replaced(text, env, arguments).or_default().map(str::to_owned),
            None => self.global.get(name).and_then(|value| value.or_default()).map(str::to_owned),
        };
        Value::External { written: format!("ARG {name}"), default }
    }

    fn span(&self, range: TextRange) -> Span {
        Span { file: self.file, range }
    }

    fn run(&mut self, instruction: &Instruction, built: &mut Built, arguments: &mut BTreeMap<String, Value>) {
        let text = instruction.arguments.text.trim();
        match instruction.keyword.value.as_str() {
            "ARG" => {
                for pair in instruction.pairs() {
                    let (name, default) = pair.value;
                    let value = self.argument_value(&name, default.as_deref(), &built.env, arguments);
                    arguments.insert(name, value);
                }
            }
            "ENV" => {
                // Every value sees the variables as they were before the instruction.
                let assigned: Vec<EnvVar> = instruction
                    .pairs()
                    .into_iter()
                    .filter_map(|pair| {
                        let (name, text) = pair.value;
                        let value = Self::replaced(&text?, &built.env, arguments);
                        let (span, mechanism) = (self.span(pair.range), Mechanism::DockerfileEnv);
                        Some(EnvVar { name, value, span, mechanism, via: None })
                    })
                    .collect();
                for variable in assigned {
                    built.env.push(variable);
                }
            }
            "WORKDIR" => {
                let folder = Self::replaced(text.trim_matches('"'), &built.env, arguments);
                built.cwd = Some(join_absolute(built.cwd.as_deref().unwrap_or("/"), folder.text()));
            }
            "USER" => {
                let user = Self::replaced(text, &built.env, arguments);
                built.user = Some((user.text().to_owned(), self.span(instruction.range)));
                built.said_user = Some((user, self.span(instruction.range)));
            }
            "HEALTHCHECK" => {
                let is_none = text.eq_ignore_ascii_case("none");
                built.healthcheck = Some((!is_none, self.span(instruction.range)));
            }
            "CMD" => {
                built.start = Some(self.span(instruction.range));
                built.cmd = Some(self.command(&instruction.command()).0);
            }
            "ENTRYPOINT" => {
                built.start = Some(self.span(instruction.range));
                let (words, in_shell) = self.command(&instruction.command());
                built.entrypoint = (!words.is_empty()).then_some(words);
                built.entrypoint_in_shell = in_shell;
            }
            "COPY" | "ADD" => self.copy(instruction, built, arguments),
            _ => {}
        }
    }

    fn command(&self, form: &CommandForm) -> (Vec<Argument>, bool) {
        match form {
            CommandForm::Exec(words) => (exec_arguments(words, self.file), false),
            CommandForm::Shell(mapped) if mapped.text.trim().is_empty() => (Vec::new(), false),
            CommandForm::Shell(mapped) => {
                let span = self.span(mapped.whole());
                let word = |text: &str| Argument::new(Value::known(text), span);
                let mut text = word(&mapped.text);
                text.mapped = Some(Arc::new(mapped.clone()));
                (vec![word("/bin/sh"), word("-c"), text], true)
            }
        }
    }

    fn copy(&mut self, instruction: &Instruction, built: &mut Built, arguments: &BTreeMap<String, Value>) {
        let words = instruction.words();
        let Some((to, sources)) = words.split_last() else { return };
        let to = Self::replaced(&to.value, &built.env, arguments).text().to_owned();
        let absolute = join_absolute(built.cwd.as_deref().unwrap_or("/"), &to);
        let into_folder = to.ends_with('/') || to == "." || to.ends_with("/.") || sources.len() > 1;
        let stage = instruction.flag("from").map(|from| self.named(&from.to_ascii_lowercase()).cloned());
        let span = self.span(instruction.range);
        for source in sources.iter().filter(|source| !source.value.starts_with("<<")).take(200) {
            let source = Self::replaced(&source.value, &built.env, arguments).text().to_owned();
            let base = source.trim_end_matches('/').rsplit('/').next().unwrap_or("").to_owned();
            let file_at = if into_folder { join_absolute(&absolute, &base) } else { absolute.clone() };
            match &stage {
                Some(Some(other)) => {
                    let source = join_absolute("/", &source);
                    for copied in &other.copies {
                        if let Some(rest) = below(&copied.to, &source) {
                            let to = join_absolute(&absolute, rest);
                            let owner = instruction.flag("chown").map(str::to_owned);
                            built.copies.push(ContextCopy { to, owner, span, ..copied.clone() });
                        } else if let Some(rest) = below(&source, &copied.to)
                            && copied.folder
                            && copied.glob.is_none()
                            && let Some(from) = join(&copied.from, rest)
                        {
                            // A part of what the other stage copied; what it made itself is not in the tree.
                            let folder = folder_exists(self.tree, &from);
                            if folder || self.tree.exists(&from) {
                                let to = if folder { absolute.clone() } else { file_at.clone() };
                                let owner = instruction.flag("chown").map(str::to_owned);
                                built.copies.push(ContextCopy { from, to, folder, glob: None, owner, span });
                            }
                        }
                    }
                    for copied in &other.dotenv_files {
                        if let Some(rest) = below(&copied.to, &source) {
                            let to = join_absolute(&absolute, rest);
                            built.dotenv_files.push(CopiedFile { path: copied.path.clone(), to, span });
                        }
                    }
                    if let Some(from) = other.mounts.locate(self.tree, &source) {
                        let folder = folder_exists(self.tree, &from);
                        built.mounts.add(if folder { absolute.clone() } else { file_at }, from, folder);
                    }
                }
                // Another image.
                Some(None) => {}
                None => {
                    let fixed = source
                        .split('/')
                        .take_while(|part| !part.contains(['*', '?', '[']))
                        .collect::<Vec<_>>()
                        .join("/");
                    let glob = fixed.len() < source.trim_end_matches('/').len();
                    let Some(from) = join(self.context, &fixed) else { continue };
                    let folder = glob || folder_exists(self.tree, &from);
                    let to = if folder { absolute.clone() } else { file_at };
                    self.dotenv_files(&from, &to, folder, glob.then_some(base.as_str()), span, built);
                    built.copies.push(ContextCopy {
                        from: from.clone(),
                        to: to.clone(),
                        folder,
                        glob: glob.then(|| base.clone()),
                        owner: instruction.flag("chown").map(str::to_owned),
                        span,
                    });
                    built.mounts.add(to, from, folder);
                }
            }
        }
        built.dotenv_files.truncate(100);
        built.copies.truncate(1_000);
    }

    fn dotenv_files(
        &self,
        from: &str,
        to: &str,
        folder: bool,
        glob: Option<&str>,
        span: Span,
        built: &mut Built,
    ) {
        let prefix = if from.is_empty() { String::new() } else { format!("{from}/") };
        for path in
            self.dotenv_paths.iter().copied().filter(|path| *path == from || path.starts_with(&prefix))
        {
            let name = path.rsplit('/').next().unwrap_or(path);
            let wanted =
                matches!(name, ".env" | ".flaskenv") && glob.is_none_or(|glob| segment_matches(glob, name));
            let inside = if self.context.is_empty() { Some(path) } else { below(path, self.context) };
            if wanted && inside.is_some_and(|inside| !self.ignore.covers(inside)) {
                let rest = path.strip_prefix(&prefix).unwrap_or("");
                let to = if folder { join_absolute(to, rest) } else { to.to_owned() };
                built.dotenv_files.push(CopiedFile { path: path.to_owned(), to, span });
            }
        }
    }
}

/// The words of a JSON list, not touched by any shell.
pub(crate) fn exec_arguments(words: &[Spanned<String>], file: FileId) -> Vec<Argument> {
    words
        .iter()
        .map(|word| Argument::new(Value::known(word.value.as_str()), Span { file, range: word.range }))
        .collect()
}

/// The rules of a `.dockerignore` file: the last one that matches decides.
#[derive(Debug, Default)]
pub(crate) struct Ignore {
    rules: Vec<(bool, Vec<String>)>,
    pub(crate) file: Option<FileId>,
}

impl Ignore {
    pub(crate) fn find(tree: &Tree, dockerfile: FileId, context: &str) -> Self {
        let own = tree.files.get(dockerfile.0 as usize).map(|file| format!("{}.dockerignore", file.path));
        let shared = join(context, ".dockerignore");
        let file = own.and_then(|path| tree.find(&path)).or_else(|| shared.and_then(|path| tree.find(&path)));
        let rules = file.map_or_else(Self::default, |id| Self::parse(&tree.file(id).text));
        Self { file, ..rules }
    }

    fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let rules = lines.take(1_000).filter_map(|line| {
            let (keeps, pattern) =
                line.strip_prefix('!').map_or((false, line), |pattern| (true, pattern.trim()));
            let segments: Vec<String> = pattern
                .split('/')
                .filter(|part| !part.is_empty() && *part != ".")
                .map(str::to_owned)
                .collect();
            (!segments.is_empty()).then_some((keeps, segments))
        });
        Self { rules: rules.collect(), file: None }
    }

    /// Whether the path, or a folder above it, is left out.
    pub(crate) fn covers(&self, path: &str) -> bool {
        let segments: Vec<&str> = path.split('/').collect();
        let matching = self.rules.iter().rev().find(|(_, pattern)| {
            (1..=segments.len())
                .any(|length| segments.get(..length).is_some_and(|front| segments_match(pattern, front)))
        });
        matching.is_some_and(|(keeps, _)| !keeps)
    }
}

/// Whole paths, `**` for any number of folders.
fn segments_match(pattern: &[String], path: &[&str]) -> bool {
    // reached[i]: the pattern so far matches the first i segments.
    let mut reached = vec![false; path.len() + 1];
    reached[0] = true;
    for part in pattern {
        let mut next = vec![false; path.len() + 1];
        if part == "**" {
            let mut any = false;
            for (here, before) in next.iter_mut().zip(&reached) {
                any |= before;
                *here = any;
            }
        } else {
            for (index, segment) in path.iter().enumerate() {
                next[index + 1] = reached[index] && segment_matches(part, segment);
            }
        }
        reached = next;
    }
    reached.last() == Some(&true)
}

/// One segment: `*` for any text, `?` for a character.
pub(crate) fn segment_matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while let Some(character) = text.get(t) {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == character => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                p = at + 1;
                t = from + 1;
            }
        }
    }
    pattern.iter().skip(p).all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile;

    fn tree(files: &[(&str, &str)]) -> Tree {
        Tree::from_texts(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())))
    }

    fn built(tree: &Tree) -> Built {
        let id = tree.find("Dockerfile").unwrap();
        let parsed = dockerfile::parse(&tree.file(id).text);
        build(tree, id, &parsed.tree, "", &[], None).unwrap()
    }

    #[test]
    fn stages_hand_on_what_they_have() {
        let text = "ARG KEY=dev\nFROM python AS base\nARG KEY\nENV SECRET_KEY=$KEY HOME=/srv\nWORKDIR $HOME/app\nCMD [\"no\"]\nFROM base AS build\nCOPY . .\nFROM base\nCOPY --from=build /srv/app/src /srv/app\nENTRYPOINT [\"./run.sh\"]\n";
        let tree = tree(&[("Dockerfile", text), ("src/run.sh", ""), ("src/.env", "A=1"), (".env", "")]);
        let built = built(&tree);
        let key = built.env.get("SECRET_KEY").unwrap();
        assert_eq!((key.value.as_known(), key.value.or_default()), (None, Some("dev")));
        assert_eq!(built.cwd.as_deref(), Some("/srv/app"));
        assert_eq!(built.mounts.locate(&tree, "/srv/app/run.sh").as_deref(), Some("src/run.sh"));
        assert_eq!(
            built.dotenv_files.iter().map(|f| (f.path.as_str(), f.to.as_str())).collect::<Vec<_>>(),
            [("src/.env", "/srv/app/.env")]
        );
        assert!(built.cmd.is_none(), "an entrypoint takes the inherited command away");
    }

    #[test]
    fn dockerignore_keeps_files_out() {
        let copies = |ignore: &str| {
            let tree = tree(&[
                ("Dockerfile", "FROM x\nWORKDIR /app\nCOPY . .\n"),
                (".env", ""),
                (".dockerignore", ignore),
            ]);
            built(&tree).dotenv_files.len()
        };
        assert_eq!(
            (
                copies(""),
                copies(".env\n"),
                copies("**/.env*"),
                copies("*\n!.env"),
                copies("/.env"),
                copies(".git")
            ),
            (1, 0, 0, 1, 0, 1)
        );
        assert!(segments_match(&["**".into(), "a".into()], &["x", "y", "a"]));
        assert!(!segments_match(&["a".into()], &["x", "a"]));
    }
}
