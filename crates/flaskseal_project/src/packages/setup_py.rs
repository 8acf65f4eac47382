//! `setup.py`, without running it: the evaluator computes what `setup(...)` would be called with, as it computes an
//! application's configuration. Lists that code builds, names, helpers and files of the tree that are read are followed.
//! What depends on something unknown is listed with all that it may be, and as a problem.

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

/// The role of `setuptools.setup`.
const SETUP: &str = "package.setup";

/// What `setup(...)` is called with; `None` where the file does not call it.
pub(super) fn read(tree: &Tree, parsed: &ParsedTree, file: FileId) -> Option<Manifest> {
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
    let events = evaluate_script(&program, &environment, file);
    let calls: Vec<&Event> = events
        .iter()
        .map(AsRef::as_ref)
        .filter(|event: &&Event| program.models.has_role(&event.path, SETUP))
        .collect();
    let manifest = Manifest { kind: ManifestKind::SetupPy, ..read_requirements("") };
    let mut reader = Reader { file, written, place: TextRange::default(), manifest };
    if calls.is_empty() {
        let call = written?;
        reader.place = range_of(&*call.func);
        reader.problem("does not come to its call of `setup`, as far as the analysis sees");
    }
    // One call for each way through the file; what several say counts once.
    for call in &calls {
        reader.call(call);
    }
    let mut manifest = reader.manifest;
    if calls.len() > 1 {
        let mut unique: Vec<Requirement> = Vec::new();
        for requirement in manifest.requirements {
            if !unique.contains(&requirement) {
                unique.push(requirement);
            }
        }
        manifest.requirements = unique;
    }
    manifest.problems.dedup();
    Some(manifest)
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
                let key = key.as_str().unwrap_or_default();
                let (extra, marker) = key.split_once(':').unwrap_or((key, ""));
                let group = if extra.is_empty() { Group::Main } else { Group::Extra(normalize(extra)) };
                self.add(list, &group, Marker::parse(marker).as_ref());
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
        }
    }

    fn item(&mut self, item: &Fact, group: &Group, marker: Option<&Marker>) {
        for (text, _) in item.alternatives() {
            let Some(written) = text.as_str() else {
                self.problem("computes its requirements, of which not all are seen");
                continue;
            };
            let own = text.at.filter(|at| at.file == self.file && at.range.end > at.range.start);
            let range = own.map_or(self.place, |at| at.range);
            let lines = written.lines().map(|line| line.split(" #").next().unwrap_or(line).trim());
            for line in lines.filter(|line| !line.is_empty() && !line.starts_with(['#', '-'])) {
                match Requirement::parse(line, 0) {
                    Ok(read) => self.manifest.requirements.push(Requirement {
                        group: group.clone(),
                        marker: read.marker.clone().or_else(|| marker.cloned()),
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
        read(&tree, &crate::parse(&tree), file)
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
