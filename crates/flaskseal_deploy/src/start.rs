//! From a command to the programs that it starts: launchers, `sh -c` and entry scripts are followed, straight ahead
//! and within bounds. Branches that the tree does not decide are followed too and marked as uncertain.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flaskseal_core::path::{join, join_absolute};
use flaskseal_core::{FileId, Span, Tree};

use crate::command::{self, Command, Invocation};
use crate::dotenv;
use crate::files::folder_exists;
use crate::image::{Mounts, segment_matches};
use crate::model::{EnvFile, EnvVar, Environment, Mechanism, ProcessKind, Server};
use crate::shell::{self, Argument, Runs, Simple, Statement, StatementKind, Word};
use crate::syntax::Mapped;
use crate::value::{self, Value};

/// What a program starts with.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) env: Environment,
    pub(crate) env_files: Vec<EnvFile>,
    /// Absolute.
    pub(crate) cwd: Option<String>,
    /// The folder of the tree that is the working directory.
    pub(crate) folder: Option<String>,
    /// Where the file that starts it lies; relative paths are looked for here when nothing better is known.
    pub(crate) home: String,
    pub(crate) mounts: Arc<Mounts>,
    pub(crate) user: Option<(String, Span)>,
    pub(crate) uncertain: bool,
    /// Variables of the shell that are not exported.
    pub(crate) locals: BTreeMap<String, EnvVar>,
    pub(crate) exports_all: bool,
}

impl State {
    fn lookup(&self, name: &str) -> Option<Value> {
        let local = self.locals.get(name).map(|variable| variable.value.clone());
        local.or_else(|| self.env.get(name).map(|variable| variable.value.clone()))
    }

    pub(crate) fn change_directory(&mut self, tree: &Tree, path: &str) {
        self.folder = if path.starts_with('/') {
            self.mounts.locate(tree, path).filter(|folder| folder_exists(tree, folder))
        } else {
            self.folder.as_deref().and_then(|folder| join(folder, path))
        };
        self.cwd = match &self.cwd {
            Some(cwd) => Some(join_absolute(cwd, path)),
            None => path.starts_with('/').then(|| join_absolute("/", path)),
        };
    }

    /// The path in the tree of a path that the program sees.
    pub(crate) fn locate(&self, tree: &Tree, path: &str) -> Option<String> {
        let absolute = match &self.cwd {
            Some(cwd) => Some(join_absolute(cwd, path)),
            None => path.starts_with('/').then(|| join_absolute("/", path)),
        };
        let mounted = absolute
            .as_deref()
            .and_then(|path| self.mounts.locate(tree, path))
            .filter(|path| tree.exists(path));
        if mounted.is_some() {
            return mounted;
        }
        if !path.starts_with('/') {
            let folders = self.folder.as_deref().into_iter().chain(crate::files::ancestors(&self.home));
            return folders.filter_map(|folder| join(folder, path)).find(|path| tree.exists(path));
        }
        // An absolute path that nothing maps: the longest end of it that the tree has.
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        (0..parts.len().min(16)).filter_map(|skip| parts.get(skip..)).find_map(|rest| {
            let rest = rest.join("/");
            crate::files::ancestors(&self.home)
                .filter_map(|folder| join(folder, &rest))
                .find(|path| tree.exists(path))
        })
    }
}

/// A program that is started.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) invocation: Invocation,
    pub(crate) state: State,
}

/// Statements that one command may cost.
const FUEL: usize = 2_000;
/// Scripts that call scripts, and functions that call functions.
const MAX_DEPTH: usize = 6;
/// Programs that one command may start.
const MAX_FOUND: usize = 64;

pub(crate) struct Follower<'a> {
    tree: &'a Tree,
    fuel: usize,
    depth: usize,
    functions: BTreeMap<String, (FileId, Vec<Statement>)>,
    found: Vec<Found>,
    /// Scripts of the tree that were followed, over all commands.
    pub(crate) followed: BTreeSet<FileId>,
    /// Where following stopped early.
    pub(crate) problems: Vec<(Span, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Ended,
}

impl<'a> Follower<'a> {
    pub(crate) fn new(tree: &'a Tree) -> Self {
        Self {
            tree,
            fuel: 0,
            depth: 0,
            functions: BTreeMap::new(),
            found: Vec::new(),
            followed: BTreeSet::new(),
            problems: Vec::new(),
        }
    }

    /// The programs that a list of words starts.
    pub(crate) fn words(&mut self, arguments: &[Argument], state: State) -> Vec<Found> {
        self.begin();
        self.follow(arguments, state, true);
        self.end(arguments.first().map(|word| word.span))
    }

    /// The programs that a command line starts, as a shell runs it.
    pub(crate) fn shell_line(&mut self, file: FileId, line: &Mapped, mut state: State) -> Vec<Found> {
        self.begin();
        let script = shell::parse_mapped(line);
        self.list(&script.tree.statements, file, &mut state, &mut Vec::new(), true);
        self.end(Some(Span { file, range: line.whole() }))
    }

    fn begin(&mut self) {
        self.fuel = FUEL;
        self.functions.clear();
    }

    fn end(&mut self, command: Option<Span>) -> Vec<Found> {
        if let Some(command) = command.filter(|_| self.fuel == 0) {
            self.problems.push((
                command,
                "the scripts that this starts are too long to be followed to their end".to_owned(),
            ));
        }
        std::mem::take(&mut self.found)
    }

    fn follow(&mut self, arguments: &[Argument], mut state: State, tail: bool) {
        let Some(command) = command::recognise(arguments) else { return };
        match command {
            Command::Program(invocation) => {
                self.launch(&invocation.launch, &mut state);
                let serves = match (&invocation.server, invocation.kind) {
                    (_, ProcessKind::Other)
                    | (Server::Script { .. } | Server::PythonModule { .. } | Server::Unknown { .. }, _) => {
                        tail
                    }
                    _ => true,
                };
                if serves && self.found.len() < MAX_FOUND {
                    self.found.push(Found { invocation: *invocation, state });
                }
            }
            Command::ShellText { text, arguments, launch } => {
                self.launch(&launch, &mut state);
                let file = text.span.file;
                let source = self.tree.files.get(file.0 as usize).map_or("", |file| &file.text);
                let mapped = match &text.mapped {
                    Some(mapped) => Arc::clone(mapped),
                    None => Arc::new(Mapped::decoded(text.text(), source, text.span.range)),
                };
                let script = shell::parse_mapped(&mapped);
                // The first argument is the name of the shell.
                let mut arguments = arguments.get(1..).unwrap_or(&[]).to_vec();
                self.deeper(text.span, |this| {
                    this.list(&script.tree.statements, file, &mut state, &mut arguments, tail);
                });
            }
            Command::ShellFile { path, arguments, launch } => {
                if !tail {
                    return;
                }
                self.launch(&launch, &mut state);
                let script = state.locate(self.tree, path.text()).and_then(|path| self.tree.find(&path));
                let script =
                    script.filter(|file| is_script(&self.tree.file(*file).path, &self.tree.file(*file).text));
                let Some(file) = script else {
                    // An entrypoint of the base image: by convention it ends in `exec "$@"`.
                    let serves = matches!(command::recognise(&arguments), Some(Command::Program(inner)) if inner.kind != ProcessKind::Other)
                        || matches!(command::recognise(&arguments), Some(Command::ShellText { .. }));
                    if serves {
                        self.follow(&arguments, state, tail);
                    } else {
                        self.unknown(&path, state);
                    }
                    return;
                };
                self.followed.insert(file);
                let text = &self.tree.file(file).text;
                if text.starts_with("#!") && text.lines().next().is_some_and(|line| line.contains("python")) {
                    let mut words = vec![Argument::new(Value::known("python"), path.span), path.clone()];
                    words.extend(arguments);
                    self.follow(&words, state, tail);
                    return;
                }
                let script = shell::parse(text);
                let mut arguments = arguments;
                self.deeper(path.span, |this| {
                    this.list(&script.tree.statements, file, &mut state, &mut arguments, tail);
                });
            }
        }
    }

    fn unknown(&mut self, path: &Argument, state: State) {
        let name = command::base_name(path.text()).to_owned();
        let word = Argument::new(Value::Known(name), path.span);
        if let Some(Command::Program(invocation)) = command::recognise(std::slice::from_ref(&word))
            && self.found.len() < MAX_FOUND
        {
            self.found.push(Found { invocation: *invocation, state });
        }
    }

    fn deeper(&mut self, span: Span, run: impl FnOnce(&mut Self)) {
        if self.depth >= MAX_DEPTH {
            self.problems.push((span, "scripts call each other too deeply to be followed".to_owned()));
            return;
        }
        self.depth += 1;
        run(self);
        self.depth -= 1;
    }

    fn launch(&mut self, launch: &command::Launch, state: &mut State) {
        for file in &launch.env_files {
            self.env_file(file, state);
        }
        for variable in &launch.env {
            state.env.push(variable.clone());
        }
        if let Some(user) = &launch.user {
            state.user = Some((user.text().to_owned(), user.span));
        }
        if let Some(directory) = &launch.directory {
            state.change_directory(self.tree, directory.text());
        }
    }

    /// A file of variables that the command line loads.
    fn env_file(&mut self, path: &Argument, state: &mut State) {
        let file = state.locate(self.tree, path.text()).and_then(|path| self.tree.find(&path));
        state.env_files.push(EnvFile { path: path.text().to_owned(), file, required: true, span: path.span });
        if let Some(file) = file {
            load(self.tree, file, Mechanism::ShellEnvFile, None, &mut state.env);
        }
    }

    fn list(
        &mut self,
        statements: &[Statement],
        file: FileId,
        state: &mut State,
        arguments: &mut Vec<Argument>,
        tail: bool,
    ) -> Flow {
        for (index, statement) in statements.iter().enumerate() {
            if self.fuel == 0 {
                return Flow::Ended;
            }
            self.fuel -= 1;
            let last = index + 1 == statements.len();
            let tail = tail && (last || statement.background);
            let flow = if statement.runs == Runs::AfterFailure {
                self.maybe(state, |this, state| {
                    this.statement(statement, file, state, &mut arguments.clone(), tail)
                });
                Flow::On
            } else {
                self.statement(statement, file, state, arguments, tail)
            };
            if flow == Flow::Ended {
                return Flow::Ended;
            }
        }
        Flow::On
    }

    /// Runs what may not run. What it sets stays as a fallback.
    fn maybe(&mut self, state: &mut State, run: impl FnOnce(&mut Self, &mut State) -> Flow) -> Flow {
        let mut branch = state.clone();
        branch.uncertain = true;
        let known = state.env.variables.len();
        let flow = run(self, &mut branch);
        for variable in branch.env.variables.get(known..).unwrap_or(&[]) {
            let before = state.lookup(&variable.name);
            state.env.push(EnvVar { value: uncertain(before, variable), ..variable.clone() });
        }
        for (name, variable) in branch.locals {
            if state.locals.get(&name) != Some(&variable) {
                let before = state.lookup(&name);
                state.locals.insert(name, EnvVar { value: uncertain(before, &variable), ..variable });
            }
        }
        flow
    }

    fn statement(
        &mut self,
        statement: &Statement,
        file: FileId,
        state: &mut State,
        arguments: &mut Vec<Argument>,
        tail: bool,
    ) -> Flow {
        match &statement.kind {
            StatementKind::Simple(simple) => self.simple(simple, file, state, arguments, tail),
            StatementKind::Group(body) => self.list(body, file, state, arguments, tail),
            StatementKind::Loop { body } => {
                self.maybe(state, |this, state| this.list(body, file, state, &mut arguments.clone(), false));
                Flow::On
            }
            StatementKind::Function { name, body } => {
                if self.functions.len() < 100 {
                    self.functions.insert(name.clone(), (file, body.clone()));
                }
                Flow::On
            }
            StatementKind::If { branches, otherwise } => {
                let mut ended = true;
                let mut possible = false;
                for branch in branches {
                    match condition(&branch.condition, file, state, arguments) {
                        Some(false) => continue,
                        Some(true) if !possible => {
                            return self.list(&branch.body, file, state, arguments, tail);
                        }
                        _ => {}
                    }
                    possible = true;
                    let mut inner = arguments.clone();
                    let flow = self
                        .maybe(state, |this, state| this.list(&branch.body, file, state, &mut inner, tail));
                    // `if [ "${1#-}" != "$1" ]; then set -- gunicorn "$@"; fi`: without the program there is none.
                    if arguments.first().is_none_or(|word| word.text().starts_with('-')) {
                        *arguments = inner;
                    }

                    ended &= flow == Flow::Ended;
                }
                if !possible {
                    return self.list(otherwise, file, state, arguments, tail);
                }
                let flow = self.maybe(state, |this, state| {
                    this.list(otherwise, file, state, &mut arguments.clone(), tail)
                });
                if ended && flow == Flow::Ended { Flow::Ended } else { Flow::On }
            }
            StatementKind::Case { subject, arms } => {
                let subject = Self::word(subject, state, arguments);
                let decided = subject.or_default().map(str::to_owned);
                for arm in arms {
                    let patterns: Vec<_> =
                        arm.patterns.iter().map(|pattern| Self::word(pattern, state, arguments)).collect();
                    match &decided {
                        Some(text)
                            if patterns.iter().any(|pattern| segment_matches(pattern.text(), text)) =>
                        {
                            return self.list(&arm.body, file, state, arguments, tail);
                        }
                        Some(_) => {}
                        None => {
                            self.maybe(state, |this, state| {
                                this.list(&arm.body, file, state, &mut arguments.clone(), tail)
                            });
                        }
                    }
                }
                Flow::On
            }
        }
    }

    fn word(word: &Word, state: &State, arguments: &[Argument]) -> Value {
        value::evaluate(&word.parts, &|name| lookup(state, arguments, name))
    }

    fn simple(
        &mut self,
        simple: &Simple,
        file: FileId,
        state: &mut State,
        arguments: &mut Vec<Argument>,
        tail: bool,
    ) -> Flow {
        let assigned: Vec<EnvVar> = simple
            .assignments
            .iter()
            .map(|assignment| EnvVar {
                name: assignment.name.clone(),
                value: Self::word(&assignment.value, state, arguments),
                span: Span { file, range: assignment.range },
                mechanism: Mechanism::ShellAssignment,
                via: None,
            })
            .collect();
        if simple.words.is_empty() {
            for variable in assigned {
                assign(state, variable);
            }
            return Flow::On;
        }
        let words = shell::words(simple, file, &|name| lookup(state, arguments, name), arguments);
        let Some((first, rest)) = words.split_first() else { return Flow::On };
        let name = first.text();
        match name {
            "export" | "declare" | "typeset" | "readonly" | "local" => {
                for word in rest {
                    export(word, name == "export", state);
                }
                Flow::On
            }
            "set" => {
                set(rest, state, arguments);
                Flow::On
            }
            "." | "source" => {
                self.source(rest, state, arguments);
                Flow::On
            }
            "cd" => {
                if let Some(folder) = rest.first() {
                    state.change_directory(self.tree, folder.text());
                }
                Flow::On
            }
            "shift" => {
                let count =
                    rest.first().and_then(|word| word.text().parse().ok()).unwrap_or(1).min(arguments.len());
                arguments.drain(..count);
                Flow::On
            }
            "unset" => {
                for word in rest {
                    state.locals.remove(word.text());
                    state.env.variables.retain(|variable| variable.name != word.text());
                }
                Flow::On
            }
            "exit" | "return" => Flow::Ended,
            "exec" if rest.is_empty() => Flow::On,
            ":" | "true" | "false" | "echo" | "printf" | "test" | "[" | "[[" | "wait" | "trap" | "sleep"
            | "mkdir" | "ulimit" | "umask" | "read" | "eval" | "chown" | "chmod" | "cat" | "cp" | "mv"
            | "rm" | "ln" => Flow::On,
            _ => {
                if let Some((file, body)) = self.functions.get(name).cloned() {
                    let mut inner = rest.to_vec();
                    let mut flow = Flow::On;
                    let span = first.span;
                    self.deeper(span, |this| flow = this.list(&body, file, state, &mut inner, tail));
                    return if flow == Flow::Ended && self.found.is_empty() { Flow::On } else { flow };
                }
                let replaces = name == "exec";
                let mut started = state.clone();
                for variable in assigned {
                    started.env.push(variable);
                }
                self.follow(&words, started, tail || replaces);
                if replaces { Flow::Ended } else { Flow::On }
            }
        }
    }

    fn source(&mut self, rest: &[Argument], state: &mut State, arguments: &mut Vec<Argument>) {
        let Some(path) = rest.first() else { return };
        let found = state.locate(self.tree, path.text()).and_then(|path| self.tree.find(&path));
        let name = command::base_name(path.text());
        if name == ".flaskenv" || name.starts_with(".env") || command::has_extension(name, &["env"]) {
            state.env_files.push(EnvFile {
                path: path.text().to_owned(),
                file: found,
                required: true,
                span: path.span,
            });
            let Some(file) = found else { return };
            let mut loaded = Environment::default();
            load(self.tree, file, Mechanism::ShellEnvFile, None, &mut loaded);
            for variable in loaded.variables {
                assign(state, variable);
            }
            return;
        }
        let Some(file) = found.filter(|_| !command::has_extension(name, &["py"]) && name != "activate")
        else {
            return;
        };
        self.followed.insert(file);
        let script = shell::parse(&self.tree.file(file).text);
        self.deeper(path.span, |this| {
            this.list(&script.tree.statements, file, state, arguments, false);
        });
    }
}

/// Whether a shell could run the file: by its ending, or by its first line where it has none.
fn is_script(path: &str, text: &str) -> bool {
    let bare = !command::base_name(path).contains('.');
    command::has_extension(path, &["sh", "bash"]) || text.starts_with("#!") || bare
}

fn lookup(state: &State, arguments: &[Argument], name: &str) -> Option<Value> {
    // Nothing given in the tree: whoever runs the image gives them.
    if arguments.is_empty()
        && (matches!(name, "#" | "@" | "*") || name.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return None;
    }
    match name {
        "#" => return Some(Value::Known(arguments.len().to_string())),
        "@" | "*" => {
            let words: Vec<_> = arguments.iter().map(Argument::text).collect();
            let size: usize = words.iter().map(|word| word.len() + 1).sum();
            return (size <= value::MAX_TEXT).then(|| Value::Known(words.join(" ")));
        }
        _ => {}
    }
    if let Ok(number) = name.parse::<usize>() {
        return number
            .checked_sub(1)
            .map(|index| arguments.get(index).map_or_else(|| Value::known(""), |word| word.value.clone()));
    }
    state.lookup(name)
}

fn uncertain(before: Option<Value>, variable: &EnvVar) -> Value {
    let before = before.and_then(|value| value.or_default().map(str::to_owned));
    let default = before.or_else(|| variable.value.or_default().map(str::to_owned));
    Value::External { written: format!("${}", variable.name), default }
}

fn assign(state: &mut State, variable: EnvVar) {
    if state.exports_all || state.env.get(&variable.name).is_some() {
        state.env.push(variable);
    } else if state.locals.len() < 1_000 {
        state.locals.insert(variable.name.clone(), variable);
    }
}

fn export(word: &Argument, exports: bool, state: &mut State) {
    if word.text().starts_with('-') {
        return;
    }
    let variable = match command::assignment(word) {
        Some((name, value)) => {
            EnvVar { name, value, span: word.span, mechanism: Mechanism::ShellAssignment, via: None }
        }
        None => match state.locals.get(word.text()) {
            Some(local) => local.clone(),
            None => return,
        },
    };
    if exports {
        state.locals.remove(&variable.name);
        state.env.push(variable);
    } else {
        assign(state, variable);
    }
}

fn set(rest: &[Argument], state: &mut State, arguments: &mut Vec<Argument>) {
    for (index, word) in rest.iter().enumerate() {
        match word.text() {
            "--" => {
                *arguments = rest.get(index + 1..).unwrap_or(&[]).to_vec();
                return;
            }
            "allexport" => {
                state.exports_all = index > 0 && rest.get(index - 1).is_some_and(|sign| sign.text() == "-o");
            }
            option if option.starts_with('-') && option.contains('a') => state.exports_all = true,
            option if option.starts_with('+') && option.contains('a') => state.exports_all = false,
            _ => {}
        }
    }
}

/// What a test comes to, where the tree decides it.
fn condition(statements: &[Statement], file: FileId, state: &State, arguments: &[Argument]) -> Option<bool> {
    let [Statement { kind: StatementKind::Simple(simple), .. }] = statements else { return None };
    let words = shell::words(simple, file, &|name| lookup(state, arguments, name), arguments);
    let known: Option<Vec<&str>> = words.iter().map(|word| word.value.or_default()).collect();
    let mut words = known?;
    if matches!(words.last(), Some(&("]" | "]]"))) {
        words.pop();
    }
    match words.as_slice() {
        ["true"] => Some(true),
        ["false"] => Some(false),
        ["[" | "[[" | "test", "-z", text] => Some(text.is_empty()),
        ["[" | "[[" | "test", "-n", text] => Some(!text.is_empty()),
        ["[" | "[[" | "test", left, "=" | "==", right] => Some(segment_matches(right, left)),
        ["[" | "[[" | "test", left, "!=", right] => Some(!segment_matches(right, left)),
        ["[" | "[[" | "test", left, operator @ ("-eq" | "-ne" | "-gt" | "-lt"), right] => {
            let (left, right) = (left.parse::<i64>().ok()?, right.parse::<i64>().ok()?);
            Some(match *operator {
                "-eq" => left == right,
                "-ne" => left != right,
                "-gt" => left > right,
                _ => left < right,
            })
        }
        _ => None,
    }
}

/// Reads a file of variables of the tree into an environment.
pub(crate) fn load(
    tree: &Tree,
    file: FileId,
    mechanism: Mechanism,
    via: Option<Span>,
    env: &mut Environment,
) {
    let parsed = dotenv::parse(&tree.file(file).text);
    for (binding, value) in parsed.tree.values(&|_| None) {
        let span = Span { file, range: binding.range };
        env.push(EnvVar { name: binding.name.value.clone(), value, span, mechanism, via });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(files: &[(&str, &str)], line: &str) -> Vec<Found> {
        let mut all: Vec<_> =
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        all.push(("Procfile".to_owned(), line.to_owned()));
        let tree = Tree::from_texts(all);
        let file = tree.find("Procfile").unwrap();
        let state = State { folder: Some(String::new()), ..State::default() };
        Follower::new(&tree).shell_line(file, &Mapped::verbatim(line, 0), state)
    }

    fn env<'a>(found: &'a Found, name: &str) -> Option<&'a Value> {
        found.state.env.get(name).map(|variable| &variable.value)
    }

    #[test]
    fn scripts_run_straight_ahead() {
        let script = "#!/bin/sh\nset -e\nflask db upgrade\nexport FLASK_DEBUG=${FLASK_DEBUG:-0}\nNOT_EXPORTED=1\nset -a; . ./.env; set +a\ncd src\nexec \"$@\"\n";
        let found = follow(
            &[("start.sh", script), (".env", "KEY=v\n"), ("src/app.py", "")],
            "./start.sh gunicorn app:app",
        );
        let [only] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(only.invocation.server, Server::Gunicorn);
        assert_eq!(env(only, "FLASK_DEBUG").unwrap().or_default(), Some("0"));
        assert_eq!(env(only, "KEY").unwrap().as_known(), Some("v"));
        assert!(env(only, "NOT_EXPORTED").is_none());
        assert_eq!(only.state.folder.as_deref(), Some("src"));
    }

    #[test]
    fn branches_are_decided_or_uncertain() {
        let script = "if [ \"$MODE\" = dev ]; then exec flask run --debug; else exec gunicorn app:app; fi\n";
        let both = follow(&[("s.sh", script)], "sh s.sh");
        assert_eq!(both.iter().map(|f| f.state.uncertain).collect::<Vec<_>>(), [true, true]);
        let one = follow(&[("s.sh", script)], "MODE=prod sh s.sh");
        assert_eq!(one.len(), 1);
        assert!(one[0].invocation.server == Server::Gunicorn && !one[0].state.uncertain);
        let case = "case \"$1\" in web) exec gunicorn app:app ;; work*) exec celery -A app worker ;; *) exec \"$@\" ;; esac\n";
        assert_eq!(follow(&[("s.sh", case)], "sh s.sh worker")[0].invocation.server, Server::Celery);
        assert_eq!(
            follow(&[("s.sh", case)], "sh s.sh python app.py")[0].invocation.server,
            Server::Script { path: "app.py".into() }
        );
        let default = "if [ -z \"$PORT\" ]; then PORT=8000; fi\nexec gunicorn -b :$PORT app:app\n";
        let bind = &follow(&[("s.sh", default)], "sh s.sh")[0].invocation.options[0];
        assert_eq!(bind.value.as_ref().unwrap().or_default(), Some(":8000"));
    }

    #[test]
    fn the_program_may_be_put_before_its_options() {
        let script = "if [ \"${1#-}\" != \"$1\" ]; then set -- gunicorn \"$@\"; fi\nexec \"$@\"\n";
        let found = follow(&[("s.sh", script)], "sh s.sh -b :80 app:app");
        assert_eq!(found[0].invocation.server, Server::Gunicorn);
    }

    #[test]
    fn a_command_may_stand_in_a_variable() {
        let script = "N=${N:-4}\nCMD=\"gunicorn --workers=$N\"\nexec $CMD -b :80 app:app\n";
        let found = follow(&[("s.sh", script)], "sh s.sh");
        let names: Vec<_> = found[0].invocation.options.iter().map(|option| option.name.as_str()).collect();
        assert_eq!(names, ["workers", "bind"]);
    }

    #[test]
    fn near_misses_start_nothing() {
        assert!(follow(&[], "echo gunicorn app:app").is_empty());
        let before = follow(
            &[("s.sh", "python manage.py migrate\npython seed.py\nexec gunicorn app:app\n")],
            "sh s.sh",
        );
        assert_eq!(before.len(), 1);
        let two = follow(&[("s.sh", "celery -A app worker &\ngunicorn app:app\n")], "sh s.sh");
        assert_eq!(two.len(), 2);
    }

    #[test]
    fn loops_between_scripts_end() {
        let found = follow(
            &[("a.sh", "./b.sh; . ./b.sh; sh b.sh"), ("b.sh", "sh a.sh; . ./a.sh; f() { f; f; f; f; }; f")],
            "sh a.sh",
        );
        assert!(found.len() < MAX_FOUND);
    }
}
