//! `setup.py`, without running it: the evaluator computes what `setup(...)` would be called with, as it computes an
//! application's configuration. Lists that code builds, names, helpers and files of the tree that are read are followed.
//! What depends on something unknown is listed with all that it may be, and as a problem.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;

use flaskseal_core::{FileId, TextRange, Tree};
use flaskseal_deps::{
    Group, Manifest, ManifestKind, Marker, Problem, Requirement, VersionSpecifiers, normalize,
    read_requirements,
};
use flaskseal_models::Models;
use flaskseal_python::ast::statement_visitor::{StatementVisitor, walk_stmt};
use flaskseal_python::ast::{Expr, ExprCall, Stmt};
use flaskseal_python::range_of;
use flaskseal_semantic::{Environment, Event, Fact, FactKind, Program, evaluate_script};

use crate::ParsedTree;

/// Lines with requirements in all calls together.
const MAX_LINES: usize = 50_000;
/// The role of `setuptools.setup`.
const SETUP: &str = "package.setup";

/// What `setup(...)` is called with; `None` where the file does not call it.
/// It is one of so many `scripts`.
pub(super) fn read(tree: &Tree, parsed: &ParsedTree, file: FileId, scripts: usize) -> Option<Manifest> {
    let module = parsed.modules.get(file.0 as usize)?.as_ref()?;
    let mut finder = Finder { call: None };
    finder.visit_body(&module.syntax.body);
    let written = finder.call;
    let program = Program {
        tree,
        parsed: &parsed.modules,
        models: Models::bundled(),
        roots: vec![tree.file(file).folder().to_owned()],
        installed: ["distutils", "setuptools"].into_iter().map(Into::into).collect(),
        read_dotenv: |_| Vec::new(),
        read_operations: |_| Vec::new(),
        flask_version: None,
    };
    let environment = Environment { variables: Vec::new(), complete: false };
    let events = evaluate_script(&program, &environment, file, scripts);
    let calls: Vec<&Event> = events
        .iter()
        .map(AsRef::as_ref)
        .filter(|event: &&Event| program.models.has_role(&event.path, SETUP))
        .collect();
    let manifest = Manifest { kind: ManifestKind::SetupPy, ..read_requirements("") };
    let mut reader = Reader { file, written, place: TextRange::default(), lines: 0, manifest };
    if calls.is_empty() {
        let call = written?;
        reader.place = range_of(&*call.func);
        reader.problem("does not come to its call of `setup`, as far as the analysis sees");
    }
    // One call for each way through the file.
    let mut ways = Vec::new();
    for call in &calls {
        reader.call(call);
        ways.push(std::mem::take(&mut reader.manifest.requirements));
    }
    let mut manifest = reader.manifest;
    manifest.requirements = together(ways);
    manifest.problems.dedup();
    Some(manifest)
}

fn both(a: Option<Marker>, b: Option<Marker>) -> Option<Marker> {
    match (a, b) {
        (Some(a), Some(b)) => Some(Marker::All(vec![a, b])),
        (a, b) => a.or(b),
    }
}

/// The requirements of all ways, each once. What only some of them have, something unknown chooses.
fn together(ways: Vec<Vec<Requirement>>) -> Vec<Requirement> {
    let key = |one: &Requirement| {
        let marker = one.marker.as_ref().map(ToString::to_string);
        (
            one.name.clone(),
            one.specifiers.to_string(),
            one.extras.clone(),
            one.group.clone(),
            marker,
            one.url.clone(),
        )
    };
    let count = ways.len();
    if count == 1 {
        return ways.into_iter().flatten().collect();
    }
    let mut places = BTreeMap::new();
    let mut found: Vec<(Requirement, usize)> = Vec::new();
    for way in ways {
        let mut seen = BTreeSet::new();
        for requirement in way {
            let place = *places.entry(key(&requirement)).or_insert_with(|| {
                found.push((requirement, 0));
                found.len() - 1
            });
            if seen.insert(place) {
                found[place].1 += 1;
            }
        }
    }
    let chosen = |(requirement, ways): (Requirement, usize)| Requirement {
        chosen: requirement.chosen || ways < count,
        ..requirement
    };
    found.into_iter().map(chosen).collect()
}

/// The last call of something named `setup`, as it is written.
struct Finder<'a> {
    call: Option<&'a ExprCall>,
}

impl<'a> StatementVisitor<'a> for Finder<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if let Stmt::Expr(expression) = statement
            && let Expr::Call(call) = &*expression.value
        {
            let is_setup = match &*call.func {
                Expr::Name(name) => name.id.as_str() == "setup",
                Expr::Attribute(attribute) => attribute.attr.as_str() == "setup",
                _ => false,
            };
            if is_setup {
                self.call = Some(call);
            }
        }
        walk_stmt(self, statement);
    }
}

struct Reader<'a> {
    file: FileId,
    written: Option<&'a ExprCall>,
    /// The argument that is read, for what has no place of its own in this file.
    place: TextRange,
    /// Lines that were read so far.
    lines: usize,
    manifest: Manifest,
}

impl Reader<'_> {
    fn call(&mut self, call: &Event) {
        for (name, value) in &call.keywords {
            let written = self.written.and_then(|written| {
                written.arguments.keywords.iter().find(|one| one.arg.as_deref() == Some(name.as_str()))
            });
            let whole = if call.span.file == self.file { call.span.range } else { TextRange::default() };
            self.place = written.map_or(whole, |written| range_of(&written.value));
            match name.as_str() {
                "name" => self.manifest.project = value.as_str().map(normalize),
                "python_requires" => {
                    let specifiers = value.as_str().and_then(|text| VersionSpecifiers::from_str(text).ok());
                    self.manifest.requires_python = specifiers.map(|specifiers| (specifiers, self.place));
                }
                "install_requires" => self.add(value, &Group::Main, None),
                "extras_require" => self.extras(value),
                _ => {}
            }
        }
        if call.open {
            self.place = self.written.map_or(TextRange::default(), |written| range_of(&*written.func));
            self.problem("calls `setup` with arguments that are not known");
        }
    }

    fn extras(&mut self, value: &Fact) {
        for (value, _) in value.alternatives() {
            let FactKind::Dict { entries, open } = &value.kind else {
                if !matches!(value.kind, FactKind::None | FactKind::Absent) {
                    self.problem("computes its extras, which are not seen");
                }
                continue;
            };
            for (key, list) in entries {
                // `dev`, and `:python_version < "3.8"`, which is no extra but a condition.
                let Some(key) = key.as_str() else {
                    self.problem("names an extra by something that is not known");
                    continue;
                };
                let (extra, written) = key.split_once(':').unwrap_or((key, ""));
                let group = if extra.is_empty() { Group::Main } else { Group::Extra(normalize(extra)) };
                let marker = Marker::parse(written);
                if marker.is_none() && !written.trim().is_empty() {
                    self.problem("names an extra with a condition that cannot be read");
                    continue;
                }
                self.add(list, &group, marker.as_ref());
            }
            if *open {
                self.problem("computes its extras, of which not all are seen");
            }
        }
    }

    /// A list of requirements, or a text with one on each line.
    fn add(&mut self, value: &Fact, group: &Group, marker: Option<&Marker>) {
        let alternatives = value.alternatives();
        if alternatives.len() > 1 {
            self.problem("chooses its requirements by something that is not known");
        }
        let before = std::mem::take(&mut self.manifest.requirements);
        let mut ways = Vec::new();
        for (value, _) in alternatives {
            match &value.kind {
                FactKind::None | FactKind::Absent => {}
                FactKind::Sequence { items, open } => {
                    for item in items {
                        self.item(item, group, marker);
                    }
                    if *open {
                        self.problem("computes its requirements, of which not all are seen");
                    }
                }
                _ => self.item(value, group, marker),
            }
            ways.push(std::mem::take(&mut self.manifest.requirements));
        }
        self.manifest.requirements = before;
        self.manifest.requirements.extend(together(ways));
    }

    fn item(&mut self, item: &Fact, group: &Group, marker: Option<&Marker>) {
        let alternatives = item.alternatives();
        let chosen = alternatives.len() > 1;
        for (text, _) in alternatives {
            let Some(written) = text.as_str() else {
                self.problem("computes its requirements, of which not all are seen");
                continue;
            };
            let own = text.at.filter(|at| at.file == self.file && at.range.end > at.range.start);
            let range = own.map_or(self.place, |at| at.range);
            let lines = written.lines().map(|line| line.split(" #").next().unwrap_or(line).trim());
            for line in lines.filter(|line| !line.is_empty() && !line.starts_with(['#', '-'])) {
                self.lines += 1;
                if self.lines > MAX_LINES {
                    return self.problem("lists more requirements than are read");
                }
                match Requirement::parse(line, 0) {
                    Ok(read) => self.manifest.requirements.push(Requirement {
                        group: group.clone(),
                        marker: both(read.marker.clone(), marker.cloned()),
                        chosen,
                        range,
                        ..read
                    }),
                    Err(error) => self.problem(&error.message),
                }
            }
        }
    }

    fn problem(&mut self, message: &str) {
        // A hostile file must not make this grow without bound.
        if self.manifest.problems.len() < 100 {
            self.manifest.problems.push(Problem { range: self.place, message: message.to_owned() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(files: &[(&str, &str)]) -> Option<Manifest> {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        let tree = Tree::from_texts(files);
        let file = tree.find("setup.py").unwrap();
        read(&tree, &crate::parse(&tree), file, 1)
    }

    fn shown(manifest: &Manifest) -> Vec<String> {
        let show = |one: &Requirement| {
            let group = match &one.group {
                Group::Main => String::new(),
                Group::Extra(extra) => format!(" [{extra}]"),
                Group::Dev(group) => format!(" ({group})"),
            };
            let marker = if one.marker.is_some() { " ;" } else { "" };
            format!("{}{}{marker}{group}", one.name, one.specifiers)
        };
        manifest.requirements.iter().map(show).collect()
    }

    /// Everything is seen.
    fn whole(text: &str, more: &[(&str, &str)]) -> Vec<String> {
        let manifest = manifest(&[&[("setup.py", text)], more].concat()).expect("it calls setup");
        assert!(manifest.problems.is_empty(), "{:?}", manifest.problems);
        shown(&manifest)
    }

    #[test]
    fn what_is_written_down_is_read_in_place() {
        let text = "from setuptools import setup\nbase = ['flask>=2', 'redis']\nif True:\n    setup(name='Shop', python_requires='>=3.9', install_requires=base + ['gunicorn'], extras_require={'x': ['y'], ':python_version < \"3.8\"': 'z==1'})\n";
        let manifest = manifest(&[("setup.py", text)]).unwrap();
        assert_eq!(shown(&manifest), ["flask>=2", "redis", "gunicorn", "y [x]", "z==1 ;"]);
        assert_eq!(manifest.project.as_deref(), Some("shop"));
        assert!(manifest.requires_python.is_some() && manifest.problems.is_empty());
        let place = manifest.requirements[0].range;
        assert_eq!(&text[place.start as usize..place.end as usize], "'flask>=2'");
    }

    #[test]
    fn files_that_are_read_are_followed() {
        let requirements = ("requirements.txt", "# all\nflask==2.0.1\n\nredis>=4  # cache\n-r more.txt\n");
        let wanted = ["flask==2.0.1", "redis>=4"];
        for text in [
            "import os\nfrom setuptools import setup\n\ndef read(name):\n    with open(os.path.join(os.path.dirname(__file__), name)) as f:\n        return f.read()\n\nsetup(install_requires=read('requirements.txt').splitlines())\n",
            "import io, setuptools\nsetuptools.setup(install_requires=[line.strip() for line in io.open('requirements.txt') if line.strip() and not line.startswith('#')])\n",
            "from distutils.core import setup\nfrom pathlib import Path\nhere = Path(__file__).parent\nrequires = []\nfor line in (here / 'requirements.txt').read_text().split('\\n'):\n    if line and not line.startswith(('#', '-')):\n        requires.append(line)\nif __name__ == '__main__':\n    setup(install_requires=requires)\n",
            "from setuptools import setup\nwith open('requirements.txt') as f:\n    requires = f.readlines()\nargs = dict(install_requires=requires)\nsetup(**args)\n",
            "from setuptools import setup\nsetup(install_requires=open('requirements.txt').read())\n",
        ] {
            assert_eq!(whole(text, &[requirements]), wanted, "{text}");
        }
        let helper = (
            "build_helpers.py",
            "REQUIRES = ['flask==%s' % '2.0.1']\nEXTRAS = {name: [name + '>=1'] for name in ('a', 'b')}\n",
        );
        let text = "from setuptools import setup\nfrom build_helpers import REQUIRES, EXTRAS\nEXTRAS['all'] = sum(EXTRAS.values(), [])\nsetup(install_requires=REQUIRES, extras_require=dict(EXTRAS))\n";
        let manifest = manifest(&[("setup.py", text), helper]).unwrap();
        assert_eq!(shown(&manifest)[..3], ["flask==2.0.1", "a>=1 [a]", "b>=1 [b]"]);
    }

    #[test]
    fn long_lists_are_whole() {
        let lines: String = (0..300).map(|number| format!("p{number}==1\n")).collect();
        let text = "from setuptools import setup\nsetup(install_requires=[l.strip() for l in open('requirements.txt')])\n";
        assert_eq!(whole(text, &[("requirements.txt", &lines)]).len(), 300);
    }

    #[test]
    fn extras_without_a_known_name_or_condition_are_problems() {
        let begin = "from setuptools import setup\nimport elsewhere\n";
        for (extras, known) in [
            ("{elsewhere.name: ['pytest'], 'x': ['y']}", vec!["y [x]"]),
            ("{':python_version << 3': ['old'], 'x:': ['y']}", vec!["y [x]"]),
        ] {
            let text = format!("{begin}setup(extras_require={extras})\n");
            let manifest = manifest(&[("setup.py", &text)]).unwrap();
            assert_eq!(
                (shown(&manifest), manifest.problems.len()),
                (known.iter().map(|one| (*one).to_owned()).collect(), 1)
            );
        }
        let text = format!(
            "{begin}setup(extras_require={{':python_version < \"3\"': ['a; sys_platform == \"win32\"']}})\n"
        );
        let manifest = manifest(&[("setup.py", &text)]).unwrap();
        let marker = manifest.requirements[0].marker.as_ref().unwrap().to_string();
        assert_eq!(marker, "sys_platform == 'win32' and python_version < '3'");
    }

    #[test]
    fn a_file_of_many_lines_ends() {
        let lines = "flask==1\n".repeat(60_000);
        let text = "from setuptools import setup\nsetup(install_requires=open('requirements.txt').read())\n";
        let manifest = manifest(&[("setup.py", text), ("requirements.txt", &lines)]).unwrap();
        assert_eq!((manifest.requirements.len(), manifest.problems.len()), (50_000, 1));
    }

    #[test]
    fn what_is_not_known_is_a_problem_and_nothing_is_left_out() {
        for (text, known) in [
            (
                "from setuptools import setup\nsetup(install_requires=open('gone.txt').read().splitlines())\n",
                vec![],
            ),
            (
                "from setuptools import setup\nimport os\nr = ['flask']\nif os.environ.get('X'):\n    r = ['flask', 'redis']\nsetup(install_requires=r)\n",
                vec!["flask", "redis"],
            ),
            (
                "from setuptools import setup\nimport elsewhere\nsetup(install_requires=['flask', elsewhere.name])\n",
                vec!["flask"],
            ),
            ("from setuptools import setup\nimport elsewhere\nsetup(**elsewhere.arguments)\n", vec![]),
        ] {
            let manifest = manifest(&[("setup.py", text)]).unwrap();
            let shown = shown(&manifest);
            assert!(known.iter().all(|name| shown.contains(&(*name).to_owned())), "{text}: {shown:?}");
            assert!(!manifest.problems.is_empty(), "{text}");
        }
        assert!(manifest(&[("setup.py", "x = x\nsetup")]).is_none());
        let other = "def setup(install_requires): pass\nsetup(install_requires=['flask'])\n";
        let manifest = manifest(&[("setup.py", other)]).unwrap();
        assert!(manifest.requirements.is_empty() && manifest.problems.len() == 1);
    }
}
