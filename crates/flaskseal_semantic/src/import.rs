//! Imports: modules run once, in the order in which Python runs them.

use std::sync::Arc;

use flaskseal_core::{FileId, Span};
use flaskseal_python::{Name, ast};

use crate::guard::Guard;
use crate::heap::{ObjectId, Shape};
use crate::machine::{Evaluated, Flow, Machine, Raised};
use crate::program::Located;
use crate::rope::{Rope, Source};
use crate::value::{Kind, Value};

impl<'a> Machine<'a> {
    /// The module with this dotted name, run if it has not been: every package on the way first.
    pub(crate) fn import_module(&mut self, dotted: &str, span: Span) -> Evaluated {
        let mut parent: Option<ObjectId> = None;
        let mut result = Value::UNKNOWN;
        let mut end = 0;
        for part in dotted.split('.') {
            end += part.len() + usize::from(end > 0);
            let prefix = &dotted[..end];
            if let Some(id) = self.modules.get(prefix) {
                parent = Some(*id);
                result = Value::object(*id);
                continue;
            }
            match self.locate(prefix) {
                // What functions import was run before requests are served; what is left failed then.
                Located::File(_) if self.serving => return Ok(Value::UNKNOWN.at(Some(span))),
                Located::File(file) => {
                    let id = self.load(prefix, file)?;
                    if let Some(parent) = parent {
                        self.heap.set_attribute(parent, Name::new(part), Value::object(id));
                    }
                    parent = Some(id);
                    result = Value::object(id);
                }
                Located::Namespace => {
                    let name: Arc<str> = prefix.into();
                    let id = self.heap.allocate(Shape::Module { name: name.clone(), file: None });
                    self.modules.insert(name, id);
                    if let Some(parent) = parent {
                        self.heap.set_attribute(parent, Name::new(part), Value::object(id));
                    }
                    parent = Some(id);
                    result = Value::object(id);
                }
                Located::Elsewhere => {
                    let top = dotted.split('.').next().unwrap_or(dotted);
                    let is_installed = parent.is_none()
                        && (crate::stdlib::is_module(top)
                            || self.program.installed.contains(top)
                            || self.program.models.distribution(top).is_some());
                    if !is_installed {
                        // It may be generated or ignored by version control; where somebody prepared for its
                        // absence, both happen.
                        if self.environment.complete && self.tries > 0 {
                            return Err(Raised::of("ModuleNotFoundError"));
                        }
                        self.may_raise("ModuleNotFoundError", &Guard::ALWAYS);
                        self.opaque_calls += 1;
                    }
                    return Ok(self.canonical(dotted));
                }
            }
        }
        Ok(result)
    }

    fn locate(&mut self, dotted: &str) -> Located {
        if let Some(known) = self.located.get(dotted) {
            return known.clone();
        }
        let located = self.program.locate(dotted);
        self.located.insert(dotted.into(), located.clone());
        located
    }

    fn load(&mut self, dotted: &str, file: FileId) -> Result<ObjectId, Raised> {
        let name: Arc<str> = dotted.into();
        let id = self.new_module(name.clone(), file, &name);
        self.modules.insert(name.clone(), id);
        let Some(module) = self.program.module(file) else { return Ok(id) };
        if self.too_deep() {
            self.incomplete("imports are nested too deep", None);
            return Ok(id);
        }
        match self.run_module(id, file, name.clone(), &module.syntax.body) {
            Flow::Raise(raised) => {
                self.modules.remove(&name);
                Err(raised)
            }
            _ => Ok(id),
        }
    }

    /// An empty module with the names that every module begins with.
    pub(crate) fn new_module(&mut self, name: Arc<str>, file: FileId, dunder_name: &str) -> ObjectId {
        let id = self.heap.allocate(Shape::Module { name: name.clone(), file: Some(file) });
        let path = self.absolute_path(file);
        let is_package = self.program.tree.file(file).name() == "__init__.py";
        let package =
            if is_package { &*name } else { name.rsplit_once('.').map_or("", |(package, _)| package) };
        for (attribute, value) in [
            ("__name__", Value::str(dunder_name)),
            ("__file__", Value::from(path)),
            ("__package__", Value::str(package)),
            ("__doc__", Value::UNKNOWN),
        ] {
            self.heap.set_attribute(id, Name::new_static(attribute), value);
        }
        if is_package {
            let folder = crate::paths::parent(&self.absolute_path(file));
            let folders = self.list(vec![folder.into()]);
            self.heap.set_attribute(id, Name::new_static("__path__"), folders);
        }
        id
    }

    /// The path of a file where it is deployed: below a root that only the machine knows.
    pub(crate) fn absolute_path(&self, file: FileId) -> Rope {
        let path = &self.program.tree.file(file).path;
        Rope::concat([Rope::hole(Source::Root), Rope::literal(format!("/{path}"))])
    }

    /// An attribute that a module does not define itself: a submodule, or what `__getattr__` would give.
    pub(crate) fn module_attribute(
        &mut self,
        id: ObjectId,
        module: &str,
        file: Option<FileId>,
        name: &str,
    ) -> Value {
        let dotted = format!("{module}.{name}");
        if let Some(known) = self.modules.get(dotted.as_str()) {
            return Value::object(*known);
        }
        if name == "__dict__" {
            let entries = self.heap.get(id).attributes.iter();
            let entries =
                entries.map(|(name, value)| (crate::value::Key::Str(name.as_str().into()), value.clone()));
            let dict = crate::heap::Dict { entries: entries.collect(), ..crate::heap::Dict::default() };
            return self.dict(dict);
        }
        let _ = file;
        Value::UNKNOWN
    }

    pub(crate) fn import(&mut self, node: &'a ast::StmtImport) -> Result<(), Raised> {
        for alias in &node.names {
            let span = self.span(alias);
            let dotted = alias.name.id.as_str();
            let module = self.import_module(dotted, span)?;
            match &alias.asname {
                Some(name) => self.bind(&name.id, module.at(Some(span))),
                None => {
                    let top = dotted.split('.').next().unwrap_or(dotted);
                    let value = match self.modules.get(top) {
                        Some(id) => Value::object(*id),
                        None => self.canonical(top),
                    };
                    self.bind(&Name::new(top), value.at(Some(span)));
                }
            }
        }
        Ok(())
    }

    pub(crate) fn import_from(&mut self, node: &'a ast::StmtImportFrom) -> Result<(), Raised> {
        let span = self.span(node);
        let named = node.module.as_ref().map_or("", |module| module.id.as_str());
        let Some(dotted) = self.resolve_relative(named, node.level) else {
            return Err(Raised::of("ImportError"));
        };
        if dotted == "__future__" {
            return Ok(());
        }
        let module = self.import_module(&dotted, span)?;
        for alias in &node.names {
            let place = self.span(alias);
            let name = alias.name.id.as_str();
            if name == "*" {
                self.import_star(&module);
                continue;
            }
            let value = self.imported_name(&module, &dotted, name, place)?;
            let target = alias.asname.as_ref().unwrap_or(&alias.name);
            // What is imported keeps the place of its definition.
            self.bind(&target.id, value);
        }
        Ok(())
    }

    fn imported_name(&mut self, module: &Value, dotted: &str, name: &str, span: Span) -> Evaluated {
        let Some(id) = module.as_object() else {
            return Ok(match module.as_path() {
                Some(path) => {
                    let path = path.to_owned();
                    self.attribute(&Value::path(path), name, span)?
                }
                None => Value::UNKNOWN.at(Some(span)),
            });
        };
        if let Some(value) = self.heap.attribute(id, name).cloned() {
            if value.may_be_absent() {
                self.may_raise("ImportError", &Guard::ALWAYS);
            }
            return Ok(value.without_absent().under(&self.guard));
        }
        let submodule = format!("{dotted}.{name}");
        match self.locate(&submodule) {
            Located::Elsewhere => {}
            _ => return self.import_module(&submodule, span),
        }
        let has_getattr = self.heap.attribute(id, "__getattr__").is_some();
        if has_getattr || self.is_open_module(id) {
            return Ok(Value::UNKNOWN.at(Some(span)));
        }
        if self.tries > 0 {
            return Err(Raised::of("ImportError"));
        }
        Ok(Value::UNKNOWN.at(Some(span)))
    }

    /// A module that took in everything of a library, or that did not parse.
    fn is_open_module(&self, id: ObjectId) -> bool {
        self.heap.attribute(id, "@open").is_some()
            || match &self.heap.get(id).shape {
                Shape::Module { file: Some(file), .. } => {
                    self.program.module(*file).is_some_and(|module| !module.problems.is_empty())
                }
                _ => false,
            }
    }

    fn import_star(&mut self, module: &Value) {
        let target = self.frame().scope;
        let Some(id) = module.as_object() else {
            if let Some(path) = module.as_path() {
                for name in crate::constant::star_names(path) {
                    let value = self.canonical(&format!("{path}.{name}"));
                    self.heap.set_attribute(target, Name::new(name), value);
                }
            }
            self.heap.set_attribute(target, Name::new_static("@open"), Value::bool(true));
            return;
        };
        let exported: Option<Vec<String>> = self.heap.attribute(id, "__all__").cloned().map(|all| {
            let elements = self.elements(&all);
            elements.known.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
        });
        let names: Vec<(Name, Value)> = self
            .heap
            .get(id)
            .attributes
            .iter()
            .filter(|(name, _)| match &exported {
                Some(exported) => exported.iter().any(|known| known == name.as_str()),
                None => !name.starts_with(['_', '@']),
            })
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        for (name, value) in names {
            self.heap.set_attribute(target, name, value);
        }
        if self.is_open_module(id) {
            self.heap.set_attribute(target, Name::new_static("@open"), Value::bool(true));
        }
    }

    /// The absolute name of `from ..x import`; `None` where it leaves the top-level package.
    fn resolve_relative(&self, named: &str, level: u32) -> Option<String> {
        if level == 0 {
            return Some(named.to_owned());
        }
        let package =
            self.heap.attribute(self.frame().module, "__package__").and_then(Value::as_str)?.to_owned();
        let mut base: &str = &package;
        for _ in 1..level {
            base = base.rsplit_once('.')?.0;
        }
        if base.is_empty() {
            return None;
        }
        Some(if named.is_empty() { base.to_owned() } else { format!("{base}.{named}") })
    }

    /// `"pkg.mod"`, `"pkg.mod:name"`, `"pkg.mod.name"`: what Werkzeug's `import_string` makes of it.
    pub(crate) fn import_string(&mut self, text: &str, span: Span) -> Evaluated {
        let text = text.replace(':', ".");
        if let Some((module, name)) = text.rsplit_once('.') {
            if !matches!(self.program.locate(&text), Located::Elsewhere) {
                return self.import_module(&text, span);
            }
            let module = self.import_module(module, span)?;
            return self.attribute(&module, name, span);
        }
        self.import_module(&text, span)
    }

    /// Runs a file as another one's contents: `from_pyfile`, `exec(open(...).read())`.
    pub(crate) fn run_file(&mut self, file: FileId, dunder_name: &str) -> Result<ObjectId, Raised> {
        let name: Arc<str> = self.program.dotted_name(file).into();
        let id = self.new_module(name.clone(), file, dunder_name);
        if let Some(module) = self.program.module(file) {
            match self.run_module(id, file, name, &module.syntax.body) {
                Flow::Raise(raised) => return Err(raised),
                Flow::Normal | Flow::Return(_) | Flow::Break | Flow::Continue => {}
            }
        }
        Ok(id)
    }

    /// The file of the tree that a path names, where the path is known up to the root of the tree.
    pub(crate) fn file_at(&self, path: &Value) -> Option<FileId> {
        let rope = match &path.kind {
            Kind::Str(rope) => rope.clone(),
            Kind::Object(_) => self.text_of(path),
            _ => return None,
        };
        let relative = self.relative_path(&rope)?;
        self.program.tree.find(&relative)
    }

    /// A path below the tree's root, normalised; relative ones begin at the working directory.
    pub(crate) fn relative_path(&self, rope: &Rope) -> Option<String> {
        use crate::rope::Segment;
        let joined = match rope.segments() {
            [Segment::Hole(hole)] if matches!(hole.source, Source::Root) => String::new(),
            [Segment::Hole(hole), Segment::Literal(text)] if matches!(hole.source, Source::Root) => {
                text.to_string()
            }
            [Segment::Literal(text)] if !text.starts_with('/') => {
                format!("{}/{text}", self.program.roots.first().map_or("", String::as_str))
            }
            _ => return None,
        };
        flaskseal_core::path::join("", &joined)
    }
}
