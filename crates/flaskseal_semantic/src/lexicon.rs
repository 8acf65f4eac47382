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

    /// A path, to be shared, where any rule may ask about calls of it.
    pub(crate) fn watched(&mut self, models: &Models, path: &str) -> Option<Arc<str>> {
        if let Some((path, is_watched)) = self.watched.get_key_value(path) {
            return is_watched.then(|| path.clone());
        }
        let (path, is_watched): (Arc<str>, _) = (path.into(), models.is_watched(path));
        self.watched.insert(path.clone(), is_watched);
        is_watched.then_some(path)
    }
}
