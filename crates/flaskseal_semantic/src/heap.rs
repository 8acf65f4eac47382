//! Objects, and how paths of execution share them.
//!
//! There is one heap. Every write is journalled, so that a branch can be run, its writes lifted off as a `Delta`,
//! and the other branch run from the same start; joining then touches only what was written. The cost of a branch
//! is the number of its writes, never the size of the heap.

use std::sync::{Arc, OnceLock};

use flaskseal_core::{FileId, Span};
use flaskseal_python::{Name, ast};
use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::fact::{ClassFact, FunctionFact};
use crate::guard::Guard;
use crate::value::{Alternative, Key, Value};

pub(crate) type Attributes = IndexMap<Name, Value, FxBuildHasher>;
pub(crate) type Entries = IndexMap<Key, Value, FxBuildHasher>;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct ObjectId(u32);

#[derive(Clone, Debug)]
pub(crate) struct Object<'a> {
    pub shape: Shape<'a>,
    pub attributes: Attributes,
    /// The epoch in which it was allocated.
    born: u32,
    /// The epoch for which the journal last kept its shape.
    kept: u32,
}

#[derive(Clone, Debug)]
pub(crate) enum Shape<'a> {
    /// The variables of a running function, class body or comprehension.
    Scope,
    Module {
        name: Arc<str>,
        file: Option<FileId>,
    },
    Function(Arc<Function<'a>>),
    Class(Arc<Class>),
    Instance {
        class: Value,
    },
    List(List),
    Dict(Dict),
    Property {
        getter: Value,
    },
    StaticMethod(Value),
    ClassMethod(Value),
}

/// A list or a set. `rest` stands for further elements that are not known one by one.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    pub items: Vec<Value>,
    pub rest: Option<Value>,
    pub is_set: bool,
    /// An iterator: what is taken from it is gone.
    pub is_iterator: bool,
}

/// A dict, or a library's dict-like object. `rest` stands for entries under keys that are not known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dict {
    pub entries: Entries,
    pub rest: Option<Value>,
    /// The class, where it is not `dict` itself: `flask.config.Config`, `collections.defaultdict`.
    pub class: Option<Arc<str>>,
}

/// The code of a function: a `def` or a `lambda`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Code<'a> {
    Def(&'a ast::StmtFunctionDef),
    Lambda(&'a ast::ExprLambda),
}

#[derive(Debug)]
pub(crate) struct Function<'a> {
    pub code: Code<'a>,
    /// Dotted, as `__qualname__` has it.
    pub qualified_name: Arc<str>,
    pub file: FileId,
    pub module: ObjectId,
    /// Enclosing function scopes, innermost last; class bodies are not among them.
    pub closure: Arc<[ObjectId]>,
    /// Values of parameter defaults, by parameter name.
    pub defaults: Vec<(Name, Value)>,
    /// The class in whose body it stands, for `super()`.
    pub class: Option<ObjectId>,
    pub span: Span,
    /// What rules see of it; made when the first fact needs it, and shared by all.
    pub fact: OnceLock<Arc<FunctionFact>>,
}

#[derive(Debug)]
pub(crate) struct Class {
    pub qualified_name: Arc<str>,
    pub module: Arc<str>,
    /// C3 linearisation after the class itself: classes of the program and paths of library classes.
    pub ancestors: Vec<Value>,
    pub span: Span,
    /// As a function has it.
    pub fact: OnceLock<Arc<ClassFact>>,
}

/// Where in an object a write went.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Place {
    Attribute(Name),
    Entry(Key),
    Shape,
}

/// What a place holds.
#[derive(Clone, Debug)]
enum Content<'a> {
    Value(Option<Value>),
    Shape(Box<Shape<'a>>),
}

#[derive(Clone, Debug)]
struct Change<'a> {
    object: ObjectId,
    place: Place,
    old: Content<'a>,
}

/// A moment: how long the journal was, and how many objects there were. What a path does to objects that it
/// allocated after the mark concerns no other path, and is neither lifted nor joined. (A module that is imported
/// inside a branch therefore stays imported.)
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Mark {
    journal: usize,
    objects: u32,
}

/// The writes of one path since a mark: what each written place holds at its end.
#[derive(Clone, Debug)]
pub(crate) struct Delta<'a> {
    since: Mark,
    places: IndexMap<(ObjectId, Place), Content<'a>, FxBuildHasher>,
}

/// A path that meets another.
#[derive(Clone, Copy)]
pub(crate) struct Taken<'g> {
    /// The condition under which it was taken.
    pub when: &'g Guard,
    /// What holds at its end.
    pub knowing: &'g Guard,
}

impl<'g> Taken<'g> {
    /// A path of which the whole guard tells the alternatives apart.
    pub(crate) fn under(guard: &'g Guard) -> Self {
        Self { when: guard, knowing: guard }
    }
}

impl Mark {
    /// Whether an object was allocated after this moment.
    pub(crate) fn is_before_object(self, id: ObjectId) -> bool {
        id.0 >= self.objects
    }
}

impl Delta<'_> {
    pub(crate) fn since(&self) -> Mark {
        self.since
    }
}

#[derive(Clone, Default, Debug)]
pub(crate) struct Heap<'a> {
    /// Objects that several workers share; `thawed` are those of them that this one has changed.
    frozen: Arc<Vec<Object<'a>>>,
    thawed: FxHashMap<ObjectId, Object<'a>>,
    /// The objects after the frozen ones.
    objects: Vec<Object<'a>>,
    journal: Vec<Change<'a>>,
    /// Grows with every mark. What an object is at the newest mark is all that the journal has to keep of it: nothing
    /// of an object that is younger, and a shape once.
    epoch: u32,
}

impl<'a> Heap<'a> {
    pub(crate) fn allocate(&mut self, shape: Shape<'a>) -> ObjectId {
        let id = ObjectId(self.len() as u32);
        let (born, kept) = (self.epoch, self.epoch);
        self.objects.push(Object { shape, attributes: Attributes::default(), born, kept });
        id
    }

    fn len(&self) -> usize {
        self.frozen.len() + self.objects.len()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = ObjectId> + use<> {
        (0..self.len() as u32).map(ObjectId)
    }

    pub(crate) fn get(&self, id: ObjectId) -> &Object<'a> {
        let index = id.0 as usize;
        match index.checked_sub(self.frozen.len()) {
            Some(index) => &self.objects[index],
            None if self.thawed.is_empty() => &self.frozen[index],
            None => self.thawed.get(&id).unwrap_or(&self.frozen[index]),
        }
    }

    fn get_mut(&mut self, id: ObjectId) -> &mut Object<'a> {
        let index = id.0 as usize;
        match index.checked_sub(self.frozen.len()) {
            Some(index) => &mut self.objects[index],
            None => self.thawed.entry(id).or_insert_with(|| self.frozen[index].clone()),
        }
    }

    /// Makes copies of the heap cheap: they share what is in it now.
    pub(crate) fn freeze(&mut self) {
        let frozen = Arc::make_mut(&mut self.frozen);
        #[expect(clippy::iter_over_hash_type, reason = "each goes to its own place")]
        for (id, object) in self.thawed.drain() {
            frozen[id.0 as usize] = object;
        }
        frozen.append(&mut self.objects);
    }

    fn truncate(&mut self, length: usize) {
        match length.checked_sub(self.frozen.len()) {
            Some(length) => self.objects.truncate(length),
            None => {
                self.objects.clear();
                self.thawed.retain(|id, _| (id.0 as usize) < length);
                Arc::make_mut(&mut self.frozen).truncate(length);
            }
        }
    }

    pub(crate) fn attribute(&self, id: ObjectId, name: &str) -> Option<&Value> {
        self.get(id).attributes.get(name)
    }

    pub(crate) fn set_attribute(&mut self, id: ObjectId, name: Name, value: Value) {
        self.write(id, Place::Attribute(name), Content::Value(Some(value)));
    }

    pub(crate) fn remove_attribute(&mut self, id: ObjectId, name: &str) {
        if self.attribute(id, name).is_some() {
            self.write(id, Place::Attribute(Name::new(name)), Content::Value(None));
        }
    }

    pub(crate) fn list(&self, id: ObjectId) -> Option<&List> {
        match &self.get(id).shape {
            Shape::List(list) => Some(list),
            _ => None,
        }
    }

    pub(crate) fn dict(&self, id: ObjectId) -> Option<&Dict> {
        match &self.get(id).shape {
            Shape::Dict(dict) => Some(dict),
            _ => None,
        }
    }

    /// Replaces an object's content: the elements of a list, the openness of a dict.
    pub(crate) fn set_shape(&mut self, id: ObjectId, shape: Shape<'a>) {
        self.write(id, Place::Shape, Content::Shape(Box::new(shape)));
    }

    /// A list, to be changed in place.
    pub(crate) fn list_mut(&mut self, id: ObjectId) -> Option<&mut List> {
        let object = self.get(id);
        if !matches!(object.shape, Shape::List(_)) {
            return None;
        }
        if object.kept != self.epoch {
            let old = Content::Shape(Box::new(object.shape.clone()));
            self.journal.push(Change { object: id, place: Place::Shape, old });
        }
        let epoch = self.epoch;
        let object = self.get_mut(id);
        object.kept = epoch;
        match &mut object.shape {
            Shape::List(list) => Some(list),
            _ => None,
        }
    }

    pub(crate) fn set_entry(&mut self, id: ObjectId, key: Key, value: Value) {
        if self.dict(id).is_some() {
            self.write(id, Place::Entry(key), Content::Value(Some(value)));
        }
    }

    pub(crate) fn remove_entry(&mut self, id: ObjectId, key: &Key) {
        if self.dict(id).is_some_and(|dict| dict.entries.contains_key(key)) {
            self.write(id, Place::Entry(key.clone()), Content::Value(None));
        }
    }

    pub(crate) fn mark(&mut self) -> Mark {
        self.epoch += 1;
        self.now()
    }

    fn now(&self) -> Mark {
        Mark { journal: self.journal.len(), objects: self.len() as u32 }
    }

    /// Whether anything was written or allocated since a mark.
    pub(crate) fn has_changed(&self, since: Mark) -> bool {
        self.now() != since
    }

    fn changes_since(&self, mark: Mark) -> &[Change<'a>] {
        self.journal.get(mark.journal..).unwrap_or_default()
    }

    /// Forgets how to go back: what is written stays. For the end of the outermost path.
    pub(crate) fn commit(&mut self) {
        self.journal.clear();
        self.epoch += 1;
    }

    /// Goes back to a mark and drops what was allocated since.
    pub(crate) fn reset(&mut self, mark: Mark) {
        self.undo(mark, |_, _| {});
        self.truncate(mark.objects as usize);
    }

    /// The writes since a mark, which stay in place.
    pub(crate) fn delta(&self, mark: Mark) -> Delta<'a> {
        let mut places = IndexMap::default();
        for change in self.changes_since(mark) {
            if change.object.0 >= mark.objects {
                continue;
            }
            let place = (change.object, change.place.clone());
            places.entry(place).or_insert_with(|| self.content(change.object, &change.place));
        }
        Delta { since: mark, places }
    }

    /// Takes the writes since a mark off the heap.
    pub(crate) fn lift(&mut self, mark: Mark) -> Delta<'a> {
        // In the order of the first write to each place; what it holds now is found where its last write is undone.
        let mut places = IndexMap::default();
        for change in self.changes_since(mark).iter().filter(|change| change.object.0 < mark.objects) {
            places.entry((change.object, change.place.clone())).or_insert(Content::Value(None));
        }
        let mut found = vec![false; places.len()];
        self.undo(mark, |place, content| {
            if let Some((index, _, slot)) = places.get_full_mut(&place)
                && !std::mem::replace(&mut found[index], true)
            {
                *slot = content;
            }
        });
        Delta { since: mark, places }
    }

    /// Undoes the writes since a mark, the last first, and shows what each undid.
    fn undo(&mut self, mark: Mark, mut see: impl FnMut((ObjectId, Place), Content<'a>)) {
        while self.journal.len() > mark.journal {
            let Some(Change { object, place, old }) = self.journal.pop() else { break };
            if object.0 < mark.objects {
                let content = self.get_mut(object).swap(&place, old);
                see((object, place), content);
            }
        }
        self.epoch += 1;
    }

    /// Makes a path that was left after `mark` relative to `mark`, so that it survives lifting everything since.
    pub(crate) fn rebase(&self, delta: &mut Delta<'a>, mark: Mark) {
        if delta.since.journal <= mark.journal {
            return;
        }
        delta.places.retain(|(object, _), _| object.0 < mark.objects);
        // What a later write found is what the path saw when it was left.
        let mut found_later: FxHashMap<(ObjectId, &Place), &Content<'a>> = FxHashMap::default();
        for change in self.changes_since(delta.since) {
            found_later.entry((change.object, &change.place)).or_insert(&change.old);
        }
        let left_after = delta.since.journal - mark.journal;
        for change in self.changes_since(mark).iter().take(left_after) {
            if change.object.0 < mark.objects {
                delta.places.entry((change.object, change.place.clone())).or_insert_with(|| {
                    let later = found_later.get(&(change.object, &change.place));
                    later.map_or_else(
                        || self.content(change.object, &change.place),
                        |content| (*content).clone(),
                    )
                });
            }
        }
        delta.since = mark;
    }

    /// A path that went on from `mark` without a write.
    pub(crate) fn unchanged(&self, mark: Mark) -> Delta<'a> {
        Delta { since: mark, places: IndexMap::default() }
    }

    /// What was written since a mark, to be compared with a later state.
    pub(crate) fn snapshot(&self, mark: Mark) -> Delta<'a> {
        self.delta(mark)
    }

    /// Replaces what has changed since `settled` was taken by what any number of further changes of its kind could
    /// leave: the jump that ends loops.
    pub(crate) fn widen(&mut self, mark: Mark, settled: &Delta<'a>) {
        for ((object, place), content) in self.delta(mark).places {
            let Content::Value(Some(value)) = content else { continue };
            let before = settled.places.get(&(object, place.clone()));
            if matches!(before, Some(Content::Value(Some(before))) if before.same(&value)) {
                continue;
            }
            self.write(object, place, Content::Value(Some(value.widened())));
        }
    }

    /// Forgets the order of what was added to lists since a mark: a generator's body runs here at once, but in truth
    /// in turns with whoever takes from it.
    pub(crate) fn forget_order(&mut self, mark: Mark) {
        for ((object, place), content) in self.delta(mark).places {
            if let Content::Shape(shape) = content
                && let Shape::List(list) = *shape
            {
                let rest = list.items.into_iter().map(Some).fold(list.rest, join_rests);
                self.write(
                    object,
                    place,
                    Content::Shape(Box::new(Shape::List(List { items: Vec::new(), rest, ..list }))),
                );
            }
        }
    }

    /// Puts a lifted path's writes back.
    pub(crate) fn apply(&mut self, delta: Delta<'a>) {
        for ((object, place), content) in delta.places {
            self.write(object, place, content);
        }
    }

    /// Joins another path, lifted or left at some point after `delta.since`, into the current one.
    pub(crate) fn join(&mut self, delta: Delta<'a>, theirs: Taken<'_>, ours: Taken<'_>) {
        let mut places = delta.places;
        // What only our path wrote since then, the other path saw as it was before.
        let before: Vec<_> = self
            .changes_since(delta.since)
            .iter()
            .filter(|change| change.object.0 < delta.since.objects)
            .map(|change| ((change.object, change.place.clone()), change.old.clone()))
            .collect();
        for (place, old) in before {
            places.entry(place).or_insert(old);
        }
        for ((object, place), content) in places {
            let current = self.content(object, &place);
            let joined = match (current, content) {
                (Content::Value(our), Content::Value(their)) => {
                    let our = our.unwrap_or(Value::ABSENT);
                    let their = their.unwrap_or(Value::ABSENT);
                    if our.same(&their) {
                        continue;
                    }
                    Content::Value(Some(Value::union([
                        Alternative { value: our.under(ours.knowing), guard: ours.when.clone() },
                        Alternative { value: their.under(theirs.knowing), guard: theirs.when.clone() },
                    ])))
                }
                (Content::Shape(our), Content::Shape(their)) => {
                    Content::Shape(Box::new(join_shapes(*our, *their)))
                }
                (current, _) => current,
            };
            self.write(object, place, joined);
        }
    }

    /// What several paths, each left at some point since `mark`, hold when they meet: the writes that make it of the
    /// state at `mark`. A path without writes of its own holds what the heap held when it was left.
    pub(crate) fn meeting(&self, mark: Mark, paths: &[(Delta<'a>, Guard)]) -> Delta<'a> {
        let mut written: IndexMap<(ObjectId, &Place), Written<'_, 'a>, FxBuildHasher> = IndexMap::default();
        for (index, change) in self.journal.iter().enumerate().skip(mark.journal) {
            if change.object.0 < mark.objects {
                let place = written.entry((change.object, &change.place)).or_default();
                place.history.push((index, &change.old));
            }
        }
        for (index, (delta, _)) in paths.iter().enumerate() {
            for ((object, place), content) in &delta.places {
                if object.0 < mark.objects {
                    written.entry((*object, place)).or_default().own.push((index, content));
                }
            }
        }
        // The paths in the order in which they were left.
        let mut left: Vec<(usize, usize)> =
            paths.iter().enumerate().map(|(index, (delta, _))| (delta.since.journal, index)).collect();
        left.sort_unstable();
        let places = written.into_iter().filter_map(|((object, place), written)| {
            let current = || self.content(object, place);
            let content = written.meet(paths, &left, current)?;
            Some(((object, place.clone()), content))
        });
        Delta { since: mark, places: places.collect() }
    }

    fn content(&self, object: ObjectId, place: &Place) -> Content<'a> {
        let object = self.get(object);
        match place {
            Place::Attribute(name) => Content::Value(object.attributes.get(name).cloned()),
            Place::Entry(key) => Content::Value(match &object.shape {
                Shape::Dict(dict) => dict.entries.get(key).cloned(),
                _ => None,
            }),
            Place::Shape => Content::Shape(Box::new(object.shape.clone())),
        }
    }

    fn write(&mut self, id: ObjectId, place: Place, content: Content<'a>) {
        let epoch = self.epoch;
        let object = self.get_mut(id);
        let old = object.swap(&place, content);
        let is_kept = match place {
            Place::Shape => std::mem::replace(&mut object.kept, epoch) == epoch,
            Place::Attribute(_) | Place::Entry(_) => object.born == epoch,
        };
        if !is_kept {
            self.journal.push(Change { object: id, place, old });
        }
    }
}

impl<'a> Object<'a> {
    /// Puts something into a place and gives what was there.
    fn swap(&mut self, place: &Place, content: Content<'a>) -> Content<'a> {
        match (place, content) {
            (Place::Attribute(name), Content::Value(Some(value))) => {
                Content::Value(self.attributes.insert(name.clone(), value))
            }
            (Place::Attribute(name), Content::Value(None)) => {
                Content::Value(self.attributes.shift_remove(name))
            }
            (Place::Entry(key), Content::Value(value)) => match (&mut self.shape, value) {
                (Shape::Dict(dict), Some(value)) => Content::Value(dict.entries.insert(key.clone(), value)),
                (Shape::Dict(dict), None) => Content::Value(dict.entries.shift_remove(key)),
                _ => Content::Value(None),
            },
            (Place::Shape, Content::Shape(mut shape)) => {
                std::mem::swap(&mut self.shape, &mut *shape);
                Content::Shape(shape)
            }
            (Place::Attribute(_) | Place::Entry(_), content @ Content::Shape(_))
            | (Place::Shape, content @ Content::Value(_)) => content,
        }
    }
}

/// What was written to a place.
#[derive(Default)]
struct Written<'h, 'a> {
    /// Positions in the journal, with what each write found.
    history: Vec<(usize, &'h Content<'a>)>,
    /// What paths wrote themselves, by their index.
    own: Vec<(usize, &'h Content<'a>)>,
}

impl<'h, 'a> Written<'h, 'a> {
    /// What the place holds where the paths meet; `None` where that is what it held in the beginning.
    fn meet(
        &self,
        paths: &[(Delta<'a>, Guard)],
        left: &[(usize, usize)],
        current: impl Fn() -> Content<'a>,
    ) -> Option<Content<'a>> {
        use std::borrow::Cow;
        // Groups of paths that hold the same, by the first path of each.
        let mut groups: Vec<(usize, Cow<'h, Content<'a>>, Guard)> = Vec::new();
        for (path, content) in &self.own {
            groups.push((*path, Cow::Borrowed(*content), paths[*path].1.clone()));
        }
        let mut is_as_before = self.own.is_empty();
        let mut start = 0;
        for index in 0..=self.history.len() {
            // A write that comes after a path was left found what the path saw.
            let end = match self.history.get(index) {
                Some((position, _)) => start + left[start..].partition_point(|(since, _)| since <= position),
                None => left.len(),
            };
            let mut group: Option<(usize, Guard)> = None;
            for (_, path) in &left[start..end] {
                if self.own.binary_search_by_key(path, |(path, _)| *path).is_ok() {
                    continue;
                }
                let guard = &paths[*path].1;
                group = Some(match group {
                    None => (*path, guard.clone()),
                    Some((first, known)) => (first, known.or(guard)),
                });
                if group.as_ref().is_some_and(|(_, guard)| guard.is_always()) {
                    break;
                }
            }
            start = end;
            let Some((path, guard)) = group else { continue };
            is_as_before &= index == 0 && !self.history.is_empty();
            let content = match self.history.get(index) {
                Some((_, old)) => Cow::Borrowed(*old),
                None => Cow::Owned(current()),
            };
            groups.push((path, content, guard));
        }
        if is_as_before {
            return None;
        }
        groups.sort_by_key(|(path, ..)| *path);
        let mut groups = groups.into_iter();
        let (_, first, guard) = groups.next()?;
        let Content::Value(value) = &*first else {
            return Some(groups.fold(first.into_owned(), |joined, (_, content, _)| {
                match (joined, content.into_owned()) {
                    (Content::Shape(our), Content::Shape(their)) => {
                        Content::Shape(Box::new(join_shapes(*our, *their)))
                    }
                    (joined, _) => joined,
                }
            }));
        };
        let of = |content: &Content<'a>| match content {
            Content::Value(Some(value)) => value.clone(),
            _ => Value::ABSENT,
        };
        let mut is_same = true;
        let own = of(&first);
        let (met, _) = groups.map(|(_, content, guard)| (of(&content), guard)).fold(
            (own, guard),
            |(our, ours), (their, theirs)| {
                let guard = ours.or(&theirs);
                if our.same(&their) {
                    return (our, guard);
                }
                is_same = false;
                let alternatives = [(our, ours), (their, theirs)];
                let met = Value::union(
                    alternatives.map(|(value, guard)| Alternative { value: value.under(&guard), guard }),
                );
                (met, guard)
            },
        );
        Some(Content::Value(if is_same { value.clone() } else { Some(met) }))
    }
}

fn join_shapes<'a>(ours: Shape<'a>, theirs: Shape<'a>) -> Shape<'a> {
    match (ours, theirs) {
        (Shape::List(a), Shape::List(b)) => Shape::List(join_lists(a, b)),
        (Shape::Dict(mut a), Shape::Dict(b)) => {
            a.rest = join_rests(a.rest, b.rest);
            for (key, value) in b.entries {
                let joined = match a.entries.get(&key) {
                    Some(known) if known.same(&value) => continue,
                    Some(known) => Value::either(known.clone(), value),
                    None => Value::either(value, Value::ABSENT),
                };
                a.entries.insert(key, joined);
            }
            Shape::Dict(a)
        }
        (ours, _) => ours,
    }
}

fn join_lists(a: List, b: List) -> List {
    let (is_set, is_iterator) = (a.is_set, a.is_iterator);
    if a.items.len() == b.items.len() && a.rest.is_none() && b.rest.is_none() {
        let items =
            a.items.into_iter().zip(b.items).map(|(a, b)| if a.same(&b) { a } else { Value::either(a, b) });
        return List { items: items.collect(), rest: None, is_set, is_iterator };
    }
    // Both begin alike; what follows on either path may follow.
    let common = a.items.iter().zip(&b.items).take_while(|(a, b)| a.same(b)).count();
    let mut rest = join_rests(a.rest, b.rest);
    let tails = a.items[common..].iter().chain(&b.items[common..]);
    for value in tails {
        rest = join_rests(rest, Some(value.clone()));
    }
    List { items: a.items[..common].to_vec(), rest, is_set, is_iterator }
}

pub(crate) fn join_rests(a: Option<Value>, b: Option<Value>) -> Option<Value> {
    match (a, b) {
        // Further elements that may be anything may be this one, too.
        (Some(a), Some(_)) if a.is_unknown() => Some(a),
        (Some(_), Some(b)) if b.is_unknown() => Some(b),
        (Some(a), Some(b)) => Some(if a.same(&b) { a } else { Value::either(a, b) }),
        (a, b) => a.or(b),
    }
}
