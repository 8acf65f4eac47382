//! What one nginx loads: a main file with everything that it includes, as levels that inherit from each other.
//!
//! Files are found inside the tree only. An absolute path is looked for below the folder that holds the main file, and
//! where an include names nothing, files of the tree that stand alone are taken for what it would have loaded.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use flaskseal_core::{FileId, Span, Tree, path};

use super::syntax::Directive;
use super::{client, snippet};
use crate::files;

/// Everything that one nginx loads.
#[derive(Debug)]
pub struct Configuration {
    /// The main file, or the files that stand for it.
    pub files: Vec<FileId>,
    /// Level 0 is the outermost.
    pub levels: Vec<Level>,
    /// The main file is there, so that what it does not say is not said anywhere.
    pub is_whole: bool,
    /// The version, where an image says so: `(1, 25, 3)`.
    pub version: Option<(u32, u32, u32)>,
    /// Where a bound was hit.
    pub problems: Vec<(Span, String)>,
    /// The levels that give a variable a value, by its name without `$`.
    pub(super) makers: BTreeMap<String, BTreeSet<LevelId>>,
}

/// Index of a level.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LevelId(pub usize);

/// A block with its own directives; the outermost has no block.
#[derive(Debug)]
pub struct Level {
    pub kind: LevelKind,
    pub parent: Option<LevelId>,
    /// The directive that opens the block.
    pub head: Option<Directive>,
    /// In the order of the file.
    pub items: Vec<Item>,
    /// Places in `items`: a level may have thousands, and each of its blocks asks it for what it inherits.
    by_name: HashMap<String, Vec<usize>>,
    by_kind: Vec<(LevelKind, Vec<LevelId>)>,
}

#[derive(Debug)]
pub enum Item {
    Simple(Directive),
    Block(LevelId),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LevelKind {
    /// The file itself, in which `http` stands.
    Main,
    Http,
    Server,
    Location,
    If,
    LimitExcept,
    Upstream,
    Map,
    Geo,
    SplitClients,
    Stream,
    /// A fragment whose surroundings are not in the tree.
    Fragment,
    /// Another block, with words of its own.
    Other,
}

/// What one nginx loads has to end somewhere, even where files include each other.
const MAX_DIRECTIVES: usize = 10_000;
/// Entries of a `map` or another block of values; what comes behind is not looked at.
const MAX_ENTRIES: usize = 1_000;
const MAX_INCLUDES: usize = 16;

impl Configuration {
    pub fn level(&self, id: LevelId) -> &Level {
        &self.levels[id.0]
    }

    pub fn ids(&self) -> impl Iterator<Item = LevelId> + use<> {
        (0..self.levels.len()).map(LevelId)
    }

    /// A level and those around it, from the inside out.
    pub fn chain(&self, id: LevelId) -> impl Iterator<Item = LevelId> + '_ {
        std::iter::successors(Some(id), |id| self.level(*id).parent)
    }

    /// The directives of a level of this name, without those of its blocks.
    pub fn own<'c>(&'c self, id: LevelId, name: &'c str) -> impl Iterator<Item = &'c Directive> + 'c {
        let level = self.level(id);
        let places = level.by_name.get(name).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|place| match level.items.get(*place) {
            Some(Item::Simple(directive)) => Some(directive),
            _ => None,
        })
    }

    /// The level that counts for a directive, and what it says there. nginx takes the directives of the innermost
    /// level that has any: an inner level replaces what is outside as a whole.
    pub fn effective<'c>(&'c self, id: LevelId, name: &'c str) -> Option<(LevelId, Vec<&'c Directive>)> {
        self.chain(id).find_map(|level| {
            let own: Vec<&Directive> = self.own(level, name).collect();
            (!own.is_empty()).then_some((level, own))
        })
    }

    /// The directive that counts for a setting that has one value.
    pub fn setting<'c>(&'c self, id: LevelId, name: &'c str) -> Option<&'c Directive> {
        self.effective(id, name).and_then(|(_, own)| own.first().copied())
    }

    /// `include` lines at a level or around it that name nothing in the tree, and so may say anything.
    pub fn unresolved(&self, id: LevelId) -> impl Iterator<Item = &Directive> {
        self.chain(id).flat_map(|level| self.own(level, "include"))
    }

    /// Blocks of a kind directly inside a level.
    pub fn blocks(&self, id: LevelId, kind: LevelKind) -> impl Iterator<Item = LevelId> + '_ {
        let kinds = &self.level(id).by_kind;
        kinds.iter().filter(move |(known, _)| *known == kind).flat_map(|(_, inner)| inner.iter().copied())
    }

    /// The innermost level of a kind around a level, the level itself included.
    pub fn enclosing(&self, id: LevelId, kind: LevelKind) -> Option<LevelId> {
        self.chain(id).find(|level| self.level(*level).kind == kind)
    }

    /// Every level of a kind, in the order of the files.
    pub fn all(&self, kind: LevelKind) -> impl Iterator<Item = LevelId> + '_ {
        self.ids().filter(move |id| self.level(*id).kind == kind)
    }

    /// Whether a level belongs to a web server: not to `stream`, `mail` or a block of values.
    pub fn is_web(&self, id: LevelId) -> bool {
        self.chain(id).all(|level| {
            matches!(
                self.level(level).kind,
                LevelKind::Main
                    | LevelKind::Http
                    | LevelKind::Server
                    | LevelKind::Location
                    | LevelKind::If
                    | LevelKind::LimitExcept
                    | LevelKind::Fragment
            )
        })
    }

    /// Where a level begins; the first directive of a level without a head.
    pub fn place(&self, id: LevelId) -> Option<Span> {
        let level = self.level(id);
        level
            .head
            .as_ref()
            .map(|head| head.span)
            .or_else(|| level.directives().next().map(|first| first.span))
    }
}

impl Level {
    fn new(kind: LevelKind, parent: Option<LevelId>, head: Option<Directive>) -> Self {
        Self { kind, parent, head, items: Vec::new(), by_name: HashMap::new(), by_kind: Vec::new() }
    }

    fn add(&mut self, directive: Directive) {
        self.by_name.entry(directive.name.text.clone()).or_default().push(self.items.len());
        self.items.push(Item::Simple(directive));
    }

    fn contain(&mut self, inner: LevelId, kind: LevelKind) {
        self.items.push(Item::Block(inner));
        match self.by_kind.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, all)) => all.push(inner),
            None => self.by_kind.push((kind, vec![inner])),
        }
    }

    pub fn directives(&self) -> impl Iterator<Item = &Directive> {
        self.items.iter().filter_map(|item| match item {
            Item::Simple(directive) => Some(directive),
            Item::Block(_) => None,
        })
    }

    /// An argument of the directive that opens the block.
    pub fn argument(&self, index: usize) -> Option<&str> {
        self.head.as_ref()?.argument(index)
    }
}

/// Puts the files of a tree together: one configuration for each main file, for each folder of files that stand in no
/// main file, and for each fragment.
pub(crate) fn assemble(
    tree: &Tree,
    parsed: &BTreeMap<FileId, Vec<Directive>>,
    version: Option<(u32, u32, u32)>,
) -> Vec<Configuration> {
    let mains: Vec<FileId> =
        parsed.iter().filter(|(_, top)| standing(top) == LevelKind::Main).map(|(id, _)| *id).collect();
    let mut used: BTreeSet<FileId> = BTreeSet::new();
    for (id, top) in parsed {
        let mut names = Vec::new();
        includes(top, &mut names);
        for name in names {
            used.extend(find(tree, parsed, *id, *id, &name).into_iter().filter(|found| found != id));
        }
    }
    let alone: Vec<FileId> = parsed
        .keys()
        .copied()
        .filter(|id| !used.contains(id) && standing(&parsed[id]) == LevelKind::Http)
        .collect();
    let mut configurations = Vec::new();
    let mut adopted: BTreeSet<FileId> = BTreeSet::new();
    for main in mains.iter().copied().filter(|id| !used.contains(id)) {
        // With two main files nobody knows whose files those that stand alone are: the nearest above takes them.
        let folder = tree.file(main).folder();
        let orphans: Vec<FileId> = alone
            .iter()
            .copied()
            .filter(|id| {
                let inside = folder.is_empty() || tree.file(*id).path.starts_with(&format!("{folder}/"));
                !adopted.contains(id) && (inside || mains.len() == 1)
            })
            .collect();
        let mut loader = Loader::new(tree, parsed, main, orphans);
        let top = loader.load(main);
        adopted.extend(loader.taken);
        configurations.push(build(vec![main], top, LevelKind::Main, version, loader.problems));
    }
    let mut folders: BTreeMap<&str, Vec<FileId>> = BTreeMap::new();
    for id in alone.iter().copied().filter(|id| !adopted.contains(id)) {
        folders.entry(tree.file(id).folder()).or_default().push(id);
    }
    for files in folders.into_values() {
        let mut top = Vec::new();
        let mut problems = Vec::new();
        for id in &files {
            let mut loader = Loader::new(tree, parsed, *id, Vec::new());
            top.extend(loader.load(*id));
            problems.extend(loader.problems);
        }
        configurations.push(build(files, top, LevelKind::Http, version, problems));
    }
    let is_fragment = |id: &&FileId| {
        !used.contains(*id) && standing(&parsed[*id]) == LevelKind::Fragment && !adopted.contains(*id)
    };
    for id in parsed.keys().filter(is_fragment) {
        let mut loader = Loader::new(tree, parsed, *id, Vec::new());
        let top = loader.load(*id);
        configurations.push(build(vec![*id], top, LevelKind::Fragment, version, loader.problems));
    }
    configurations
}

/// Where a file belongs, by what stands at its outermost level.
fn standing(top: &[Directive]) -> LevelKind {
    let has = |names: &[&str]| top.iter().any(|directive| names.contains(&directive.name.text.as_str()));
    if has(&["http", "events", "stream", "mail"]) {
        LevelKind::Main
    } else if has(&["server", "upstream", "map", "geo", "split_clients", "limit_req_zone", "log_format"]) {
        LevelKind::Http
    } else {
        LevelKind::Fragment
    }
}

fn includes(directives: &[Directive], names: &mut Vec<String>) {
    for directive in directives {
        if directive.is("include") {
            names.extend(directive.argument(0).map(str::to_owned));
        }
        includes(directive.block.as_deref().unwrap_or_default(), names);
    }
}

/// The files of the tree that an `include` loads. Relative paths begin at the folder of the main file, which for a
/// file by itself may be any folder above; absolute ones are found by their last parts.
fn find(
    tree: &Tree,
    parsed: &BTreeMap<FileId, Vec<Directive>>,
    main: FileId,
    from: FileId,
    pattern: &str,
) -> Vec<FileId> {
    let relative = pattern
        .strip_prefix("/etc/nginx/")
        .or_else(|| pattern.strip_prefix("/usr/local/nginx/conf/"))
        .or_else(|| pattern.strip_prefix("/usr/local/etc/nginx/"))
        .unwrap_or(pattern);
    let mut folders: Vec<&str> = vec![tree.file(main).folder()];
    folders.extend(files::ancestors(tree.file(from).folder()));
    let patterns = match relative.strip_prefix('/') {
        // Somewhere else on the machine: the tree may hold the same folders.
        Some(rest) => vec![rest],
        None => vec![relative],
    };
    for folder in folders {
        for pattern in &patterns {
            let Some(wanted) = path::join(folder, pattern) else { continue };
            let found: Vec<FileId> = if wanted.contains(['*', '?', '[']) {
                parsed.keys().copied().filter(|id| matches(&wanted, &tree.file(*id).path)).collect()
            } else {
                tree.find(&wanted).filter(|id| parsed.contains_key(id)).into_iter().collect()
            };
            if !found.is_empty() {
                return found;
            }
        }
    }
    Vec::new()
}

/// Whether a path matches a pattern of `glob(3)`: `*` and `?` stop at `/`.
pub fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path) = (pattern.as_bytes(), path.as_bytes());
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while seen < path.len() {
        let one = match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
                continue;
            }
            Some(b'?') => path[seen] != b'/',
            Some(b'[') => {
                let end =
                    pattern.iter().skip(at + 2).position(|&byte| byte == b']').map(|found| at + 2 + found);
                match end {
                    Some(end) => {
                        let hit = in_set(pattern.get(at + 1..end).unwrap_or_default(), path[seen]);
                        if hit {
                            at = end;
                        }
                        hit
                    }
                    None => path[seen] == b'[',
                }
            }
            Some(&byte) => byte == path[seen],
            None => false,
        };
        if one {
            at += 1;
            seen += 1;
        } else if let Some((star_at, star_seen)) = star.filter(|(_, seen)| path[*seen] != b'/') {
            star = Some((star_at, star_seen + 1));
            at = star_at + 1;
            seen = star_seen + 1;
        } else {
            return false;
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|&byte| byte == b'*')
}

fn in_set(set: &[u8], byte: u8) -> bool {
    let (negated, set) = match set {
        [b'!' | b'^', rest @ ..] => (true, rest),
        _ => (false, set),
    };
    let mut at = 0;
    let mut hit = false;
    while let Some(&low) = set.get(at) {
        match (set.get(at + 1), set.get(at + 2)) {
            (Some(b'-'), Some(&high)) => {
                hit |= (low..=high).contains(&byte);
                at += 3;
            }
            _ => {
                hit |= low == byte;
                at += 1;
            }
        }
    }
    hit != negated && byte != b'/'
}

struct Loader<'a> {
    tree: &'a Tree,
    parsed: &'a BTreeMap<FileId, Vec<Directive>>,
    main: FileId,
    /// Files that stand alone, for the first include of sites that names nothing.
    orphans: Vec<FileId>,
    taken: Vec<FileId>,
    open: Vec<FileId>,
    left: usize,
    problems: Vec<(Span, String)>,
}

impl<'a> Loader<'a> {
    fn new(
        tree: &'a Tree,
        parsed: &'a BTreeMap<FileId, Vec<Directive>>,
        main: FileId,
        orphans: Vec<FileId>,
    ) -> Self {
        Self {
            tree,
            parsed,
            main,
            orphans,
            taken: Vec::new(),
            open: Vec::new(),
            left: MAX_DIRECTIVES,
            problems: Vec::new(),
        }
    }

    fn load(&mut self, file: FileId) -> Vec<Directive> {
        let Some(top) = self.parsed.get(&file) else { return Vec::new() };
        self.open.push(file);
        let loaded = self.level(top);
        self.open.pop();
        loaded
    }

    fn level(&mut self, directives: &[Directive]) -> Vec<Directive> {
        let mut level = Vec::new();
        for directive in directives {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            if self.left == 0 {
                let message =
                    format!("nginx loads more than {MAX_DIRECTIVES} directives: the rest is not read");
                self.problems.push((directive.span, message));
            }
            if directive.is("include") {
                self.include(directive, &mut level);
                continue;
            }
            let is_values = ["map", "geo", "types", "split_clients"].contains(&directive.name.text.as_str());
            let block = directive.block.as_deref().map(|block| {
                let kept = if is_values { block.get(..MAX_ENTRIES).unwrap_or(block) } else { block };
                if kept.len() < block.len() {
                    let message = format!("only the first {MAX_ENTRIES} entries are read");
                    self.problems.push((directive.span, message));
                }
                self.level(kept)
            });
            level.push(Directive {
                name: directive.name.clone(),
                arguments: directive.arguments.clone(),
                block,
                ..*directive
            });
        }
        level
    }

    fn include(&mut self, directive: &Directive, level: &mut Vec<Directive>) {
        let pattern = directive.argument(0).unwrap_or("");
        let found = find(self.tree, self.parsed, self.main, directive.span.file, pattern);
        if found.is_empty() {
            if let Some(known) = snippet::of(pattern, directive.span) {
                level.extend(known);
                return;
            }
            let is_sites = pattern.contains('*')
                && (pattern.contains("sites-") || pattern.contains("conf.d") || pattern.contains("vhosts"));
            if is_sites && !self.orphans.is_empty() {
                for file in std::mem::take(&mut self.orphans) {
                    self.taken.push(file);
                    level.extend(self.load(file));
                }
                return;
            }
            level.push(directive.clone());
            return;
        }
        for file in found {
            if self.open.contains(&file) {
                self.problems.push((directive.span, "this file includes itself".to_owned()));
            } else if self.open.len() >= MAX_INCLUDES {
                self.problems.push((directive.span, "files include each other too deeply".to_owned()));
            } else {
                level.extend(self.load(file));
            }
        }
    }
}

fn build(
    files: Vec<FileId>,
    top: Vec<Directive>,
    kind: LevelKind,
    version: Option<(u32, u32, u32)>,
    problems: Vec<(Span, String)>,
) -> Configuration {
    let mut levels = vec![Level::new(kind, None, None)];
    let mut waiting: Vec<(LevelId, Vec<Directive>)> = vec![(LevelId(0), top)];
    while let Some((id, directives)) = waiting.pop() {
        let mut inner = Vec::new();
        for mut directive in directives {
            let Some(block) = directive.block.take() else {
                levels[id.0].add(directive);
                continue;
            };
            let new = LevelId(levels.len());
            let kind = kind_of(&directive.name.text, levels[id.0].kind);
            levels[id.0].contain(new, kind);
            levels.push(Level::new(kind, Some(id), Some(directive)));
            inner.push((new, block));
        }
        waiting.extend(inner.into_iter().rev());
    }
    let mut configuration = Configuration {
        files,
        levels,
        is_whole: kind == LevelKind::Main,
        version,
        problems,
        makers: BTreeMap::new(),
    };
    configuration.makers = client::makers(&configuration);
    configuration
}

fn kind_of(name: &str, around: LevelKind) -> LevelKind {
    match name {
        "http" => LevelKind::Http,
        "server" if around != LevelKind::Stream => LevelKind::Server,
        "location" => LevelKind::Location,
        "if" => LevelKind::If,
        "limit_except" => LevelKind::LimitExcept,
        "upstream" => LevelKind::Upstream,
        "map" => LevelKind::Map,
        "geo" => LevelKind::Geo,
        "split_clients" => LevelKind::SplitClients,
        "stream" => LevelKind::Stream,
        _ => LevelKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::syntax;
    use super::*;

    fn configurations(files: &[(&str, &str)]) -> (Tree, Vec<Configuration>) {
        let tree =
            Tree::from_texts(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
        let parsed = tree.ids().map(|id| (id, syntax::parse(id, &tree.file(id).text).tree)).collect();
        let assembled = assemble(&tree, &parsed, None);
        (tree, assembled)
    }

    fn values(configuration: &Configuration, kind: LevelKind, name: &str) -> Vec<String> {
        configuration
            .all(kind)
            .filter_map(|level| configuration.setting(level, name))
            .filter_map(|directive| directive.argument(0).map(str::to_owned))
            .collect()
    }

    #[test]
    fn includes_are_found_below_the_main_file() {
        let (_, found) = configurations(&[
            ("deploy/nginx/nginx.conf", "http { root /a; include /etc/nginx/conf.d/*.conf; }"),
            ("deploy/nginx/conf.d/a.conf", "server { include snippets/tls; }"),
            ("deploy/nginx/conf.d/b.txt", "server { root /no; }"),
            ("deploy/nginx/snippets/tls", "ssl_protocols TLSv1.3;"),
        ]);
        assert_eq!(found.len(), 2, "b.txt stands alone");
        assert_eq!(values(&found[0], LevelKind::Server, "ssl_protocols"), ["TLSv1.3"]);
        assert_eq!(values(&found[0], LevelKind::Server, "root"), ["/a"]);
    }

    #[test]
    fn files_that_stand_alone_are_what_an_unknown_include_loads() {
        let (_, found) = configurations(&[
            ("nginx.conf", "events {} http { ssl_protocols TLSv1.2; include /etc/nginx/sites-enabled/*; }"),
            ("site.conf", "server { listen 443 ssl; }"),
        ]);
        assert_eq!(found.len(), 1);
        assert_eq!(values(&found[0], LevelKind::Server, "ssl_protocols"), ["TLSv1.2"]);
        let (_, found) = configurations(&[("a/x.conf", "server {}"), ("a/y.conf", "map $a $b {}")]);
        assert_eq!(found.len(), 1);
        assert!(!found[0].is_whole && found[0].files.len() == 2);
    }

    #[test]
    fn includes_end() {
        let mut files = vec![("n/nginx.conf".to_owned(), "http { include a0.conf; }".to_owned())];
        for n in 0..12 {
            files.push((format!("n/a{n}.conf"), format!("include a{}.conf;\n", n + 1).repeat(10)));
        }
        files.push(("n/a12.conf".to_owned(), "include a0.conf; server_tokens off;".to_owned()));
        let pairs: Vec<(&str, &str)> = files.iter().map(|(path, text)| (&**path, &**text)).collect();
        let (_, found) = configurations(&pairs);
        let problems: Vec<&str> = found[0].problems.iter().map(|(_, message)| &**message).collect();
        assert!(problems.contains(&"this file includes itself"), "{problems:?}");
        assert!(problems.iter().any(|message| message.contains("more than 10000")));
    }

    #[test]
    fn a_pattern_stops_at_folders() {
        assert!(matches("conf.d/*.conf", "conf.d/a.conf") && !matches("conf.d/*.conf", "conf.d/x/a.conf"));
        assert!(matches("a/[a-c]?.conf", "a/bx.conf") && !matches("a/[!a-c]?.conf", "a/bx.conf"));
        assert!(matches("*/*", "a/b") && !matches("*", "a/b") && matches("[", "["));
    }
}
