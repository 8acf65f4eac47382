//! What the models say of access paths, looked up once: the same few thousand paths come up in every function.

use std::sync::Arc;

use flaskseal_models::Models;
use flaskseal_python::Name;
use rustc_hash::FxHashMap;

#[derive(Clone, Default)]
pub(crate) struct Lexicon {
    attributes: FxHashMap<Arc<str>, FxHashMap<Name, Attribute>>,
    watched: FxHashMap<Arc<str>, bool>,
}

/// The path of an attribute of what is at a path.
#[derive(Clone)]
pub(crate) struct Attribute {
    pub written: Arc<str>,
    /// Under the name that its definition has.
    pub canonical: Arc<str>,
}

impl Lexicon {
    pub(crate) fn attribute(&mut self, models: &Models, path: &Arc<str>, name: &str) -> Attribute {
        if let Some(known) = self.attributes.get(path).and_then(|names| names.get(name)) {
            return known.clone();
        }
        let written: Arc<str> = format!("{path}.{name}").into();
        let canonical = Some(models.canonical(&written)).filter(|canonical| *canonical != written);
        let attribute = Attribute { canonical: canonical.unwrap_or_else(|| written.clone()), written };
        self.attributes.entry(path.clone()).or_default().insert(Name::new(name), attribute.clone());
        attribute
    }

    /// Whether any rule may ask about calls of this path.
    pub(crate) fn is_watched(&mut self, models: &Models, path: &str) -> bool {
        if let Some(known) = self.watched.get(path) {
            return *known;
        }
        let is_watched = models.is_watched(path);
        self.watched.insert(path.into(), is_watched);
        is_watched
    }
}
