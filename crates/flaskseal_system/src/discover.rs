//! From a folder to a tree: walk it, decide by name what is worth reading, and read that, all in parallel. What is
//! not read is said, never skipped in silence; nothing outside the folder is touched, and only regular files are
//! opened. Result and order are the same whatever the number of threads.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flaskseal_core::{LedgerEntry, LedgerKind, SourceFile, Tree, TreePath};
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rayon::prelude::*;

use crate::file::{canonical, read_bounded};
use crate::ignored::Rules;
use crate::kind::{Kind, Left, left_out_by_name, matters_though_ignored, may_matter_though_ignored};
use crate::tracked::Tracked;
use crate::{InputError, decode};

/// What the user says about the walk.
#[derive(Clone, Debug, Default)]
pub struct DiscoverOptions {
    /// Patterns in the syntax of `.gitignore`, relative to the root, for what is not to be read.
    pub exclude: Vec<String>,
}

/// All text of a tree together, in bytes. Files beyond it, in the order of their paths, are not read.
const TREE_LIMIT: u64 = 2 << 30;

/// Walks and reads the tree below `root`. An error means that `root` itself cannot be used; everything else that
/// goes wrong stands in the tree's ledger.
pub fn discover(root: &Path, options: &DiscoverOptions) -> Result<Tree, InputError> {
    let canonical_root = canonical(root)?;
    if canonical_root.is_file() && root.extension().is_none_or(|extension| extension != "py") {
        return lone_file(root, &canonical_root);
    }
    if !canonical_root.is_dir() {
        return Err(InputError::NotAFolder(root.to_path_buf()));
    }
    fs::read_dir(&canonical_root).map_err(|source| InputError::reading(root, source))?;

    let walk = Walk {
        excluded: excluded(&canonical_root, &options.exclude)?,
        tracked: Tracked::around(&canonical_root),
        root: canonical_root,
    };
    let mut listing = walk.run();
    listing.candidates.par_sort_unstable_by(|a, b| a.relative.cmp(&b.relative));

    // Which files fit is decided here, in order, so that chance has no say in it.
    let mut sum = 0;
    let sums: Vec<u64> = listing
        .candidates
        .iter()
        .map(|candidate| {
            sum += if candidate.size <= candidate.kind.limit() { candidate.size } else { 0 };
            sum
        })
        .collect();
    let outcomes: Vec<Outcome> = listing
        .candidates
        .into_par_iter()
        .zip(sums)
        .map(|(candidate, sum)| candidate.read(sum <= TREE_LIMIT))
        .collect();

    let mut tree = Tree::new(Vec::with_capacity(outcomes.len()), listing.paths, listing.ledger);
    for outcome in outcomes {
        tree.files.extend(outcome.file);
        tree.ledger.extend(outcome.entry);
    }
    tree.paths.par_sort_unstable();
    tree.ledger.sort();
    Ok(tree)
}

/// A tree of one file: somebody names the configuration of a web server, and nothing around it. A Python file without
/// its folder would say too little.
fn lone_file(root: &Path, path: &Path) -> Result<Tree, InputError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let size = fs::metadata(path).map_err(|source| InputError::reading(root, source))?.len();
    let kind = Kind::of(&name).filter(|kind| *kind != Kind::Script).unwrap_or(Kind::Deployment);
    let candidate =
        Candidate { path: path.to_path_buf(), relative: name.clone(), size, kind, untracked: false };
    let outcome = candidate.read(true);
    let paths = vec![TreePath { path: name.into(), size, untracked: false }];
    Ok(Tree::new(outcome.file.into_iter().collect(), paths, outcome.entry.into_iter().collect()))
}

fn excluded(root: &Path, globs: &[String]) -> Result<Gitignore, InputError> {
    let mut builder = GitignoreBuilder::new(root);
    builder.allow_unclosed_class(false);
    for glob in globs {
        builder
            .add_line(None, glob)
            .map_err(|error| InputError::Exclude { glob: glob.clone(), reason: error.to_string() })?;
    }
    builder.build().map_err(|error| InputError::Exclude { glob: globs.join(", "), reason: error.to_string() })
}

struct Walk {
    root: PathBuf,
    excluded: Gitignore,
    tracked: Tracked,
}

/// A folder on the list.
struct Folder {
    path: PathBuf,
    /// Relative to the root, with `/`; empty for the root.
    relative: String,
    /// The rules that hold in the folder that contains this one.
    rules: Arc<Rules>,
    /// Version control ignores it: only what is tracked or matters all the same is wanted.
    ignored: bool,
    /// The folder that contains it also holds the build script of a Python package.
    beside_build_script: bool,
}

/// A folder that is being listed.
struct Here<'f> {
    folder: &'f Folder,
    /// The rules that hold in it.
    rules: Arc<Rules>,
    /// It holds the build script of a Python package.
    has_build_script: bool,
}

/// What one folder, or all of them, came to.
#[derive(Default)]
struct Listing {
    folders: Vec<Folder>,
    candidates: Vec<Candidate>,
    paths: Vec<TreePath>,
    ledger: Vec<LedgerEntry>,
}

/// A file that is to be read.
struct Candidate {
    path: PathBuf,
    relative: String,
    size: u64,
    kind: Kind,
    untracked: bool,
}

impl Walk {
    /// Level by level, so that neither depth nor chance decides how much stack it takes.
    fn run(&self) -> Listing {
        let mut found = Listing::default();
        let mut level = vec![Folder {
            path: self.root.clone(),
            relative: String::new(),
            rules: Rules::around(&self.root),
            ignored: false,
            beside_build_script: false,
        }];
        while !level.is_empty() {
            let listings: Vec<Listing> = level.into_par_iter().map(|folder| self.list(&folder)).collect();
            level = Vec::new();
            for listing in listings {
                level.extend(listing.folders);
                found.candidates.extend(listing.candidates);
                found.paths.extend(listing.paths);
                found.ledger.extend(listing.ledger);
            }
        }
        found
    }

    fn list(&self, folder: &Folder) -> Listing {
        let mut listing = Listing::default();
        let entries: Vec<DirEntry> = match fs::read_dir(&folder.path).and_then(Iterator::collect) {
            Ok(entries) => entries,
            Err(error) => {
                listing.unreadable(&folder.relative, clause(&error));
                return listing;
            }
        };
        let holds = |name: &str| entries.iter().any(|entry| entry.file_name() == name);
        if !folder.relative.is_empty() {
            if holds("pyvenv.cfg") || holds("conda-meta") {
                listing.left_out(&folder.relative, "a virtual environment");
                return listing;
            }
            let builds = |entry: &DirEntry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                name == "lib" || name.starts_with("lib.") || name.starts_with("bdist.")
            };
            if folder.beside_build_script && entries.iter().any(builds) {
                listing.left_out(&folder.relative, "the output of a build");
                return listing;
            }
        }
        let rules = Arc::clone(&folder.rules);
        let here = Here {
            folder,
            rules: if holds(".gitignore") {
                rules.with_file(&folder.path.join(".gitignore"), &folder.path)
            } else {
                rules
            },
            has_build_script: ["setup.py", "setup.cfg", "pyproject.toml"].into_iter().any(holds),
        };
        for entry in entries {
            self.consider(&entry, &here, &mut listing);
        }
        listing
    }

    fn consider(&self, entry: &DirEntry, here: &Here<'_>, listing: &mut Listing) {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let relative = if here.folder.relative.is_empty() {
            name.to_string()
        } else {
            format!("{}/{name}", here.folder.relative)
        };
        let path = entry.path();
        let file_type = match entry.file_type() {
            Ok(file_type) => file_type,
            Err(error) => return listing.unreadable(&relative, clause(&error)),
        };
        let is_folder = file_type.is_dir();
        if is_folder && let Some(left) = left_out_by_name(&name) {
            if let Left::Because(reason) = left
                && !here.folder.ignored
            {
                listing.left_out(&relative, reason);
            }
            return;
        }
        if self.excluded.matched(&path, is_folder).is_ignore() {
            return listing.left_out(&relative, "excluded by `exclude`");
        }
        let ignored = here.folder.ignored || here.rules.ignores(&path, is_folder);
        let tracked = ignored && self.tracked.holds(&relative, is_folder);
        if file_type.is_symlink() {
            if !ignored || tracked {
                self.consider_link(&path, relative, listing);
            }
        } else if is_folder {
            if ignored && !tracked && !may_matter_though_ignored(&relative) {
                if !here.folder.ignored {
                    listing.left_out(&relative, "ignored by version control");
                }
                return;
            }
            listing.folders.push(Folder {
                path,
                relative,
                rules: Arc::clone(&here.rules),
                ignored,
                beside_build_script: here.has_build_script && name == "build",
            });
        } else {
            consider_file(entry, path, relative, file_type.is_file(), ignored && !tracked, listing);
        }
    }

    /// A link is never followed: what it leads to inside the root is met at its own place.
    fn consider_link(&self, path: &Path, relative: String, listing: &mut Listing) {
        match fs::canonicalize(path) {
            Ok(target) if !target.starts_with(&self.root) => {
                listing.left_out(&relative, "a link that leads out of the checked folder; not followed");
            }
            Ok(target) => {
                if let Ok(metadata) = fs::metadata(target).as_ref()
                    && metadata.is_file()
                {
                    listing.paths.push(TreePath {
                        path: relative.into(),
                        size: metadata.len(),
                        untracked: false,
                    });
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                listing.left_out(&relative, "a link that leads nowhere");
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                listing.left_out(&relative, "a link to where permission is denied; not followed");
            }
            Err(_) => listing.left_out(&relative, "a link that leads round in a circle"),
        }
    }
}

fn consider_file(
    entry: &DirEntry,
    path: PathBuf,
    relative: String,
    is_regular: bool,
    ignored: bool,
    listing: &mut Listing,
) {
    let kind = Kind::of(&relative);
    let decisive = kind.is_some_and(Kind::decisive);
    if ignored && !matters_though_ignored(&relative) {
        if decisive {
            listing.left_out(&relative, "ignored by version control");
        }
        return;
    }
    if !is_regular {
        let reason = "is not a regular file, and only regular files are read";
        return if decisive {
            listing.unreadable(&relative, reason);
        } else {
            listing.left_out(&relative, reason);
        };
    }
    let size = match entry.metadata() {
        Ok(metadata) => metadata.len(),
        Err(error) => return listing.unreadable(&relative, clause(&error)),
    };
    listing.paths.push(TreePath { path: relative.clone().into(), size, untracked: ignored });
    // An ignored file was let through because it matters, and so it is read whatever its name.
    if let Some(kind) = kind.or(ignored.then_some(Kind::Deployment)) {
        listing.candidates.push(Candidate { path, relative, size, kind, untracked: ignored });
    }
}

impl Listing {
    fn unreadable(&mut self, path: &str, reason: impl Into<String>) {
        self.ledger.push(entry(LedgerKind::Unreadable, path, reason));
    }

    fn left_out(&mut self, path: &str, reason: impl Into<String>) {
        self.ledger.push(entry(LedgerKind::LeftOut, path, reason));
    }
}

/// What reading a file came to: text, a remark, both, or neither.
#[derive(Default)]
struct Outcome {
    file: Option<SourceFile>,
    entry: Option<LedgerEntry>,
}

impl Candidate {
    fn read(self, has_room: bool) -> Outcome {
        if self.size > self.kind.limit() {
            return self.unread(&self.too_large());
        }
        if !has_room {
            let total = TREE_LIMIT >> 30;
            return self
                .unread(&format!("not read: the tree holds more than {total} GiB of text; use `exclude`"));
        }
        // An empty file needs no opening, and the files of a kernel, which may block, all look empty.
        let read = match self.size {
            0 => Ok(Some(Vec::new())),
            size => read_bounded(&self.path, size, self.kind.limit()),
        };
        let bytes = match read {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return self.unread(&self.too_large()),
            Err(error) => return self.unread(&clause(&error)),
        };
        if self.kind == Kind::Script && !bytes.starts_with(b"#!") {
            return Outcome::default();
        }
        let decoded = if self.kind == Kind::Python { decode::python(bytes) } else { decode::other(bytes) };
        match decoded {
            Ok(decoded) => Outcome {
                entry: decoded.note.map(|note| entry(LedgerKind::Note, &self.relative, note)),
                file: Some(SourceFile::new(self.relative, decoded.text).untracked(self.untracked)),
            },
            Err(reason) => self.unread(&reason),
        }
    }

    fn too_large(&self) -> String {
        let limit = self.kind.limit();
        let limit =
            if limit >> 20 > 0 { format!("{} MiB", limit >> 20) } else { format!("{} KiB", limit >> 10) };
        format!(
            "is larger than {limit} and was not read; if production does not need it, name it in `exclude`"
        )
    }

    fn unread(&self, reason: &str) -> Outcome {
        let kind = if self.kind.decisive() { LedgerKind::Unreadable } else { LedgerKind::LeftOut };
        Outcome { file: None, entry: Some(entry(kind, &self.relative, reason)) }
    }
}

fn entry(kind: LedgerKind, path: &str, message: impl Into<String>) -> LedgerEntry {
    LedgerEntry { kind, path: path.to_owned(), span: None, message: message.into() }
}

/// An error of the file system as a clause about a file.
fn clause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "may not be read: permission denied".to_owned(),
        io::ErrorKind::NotFound => "vanished while the tree was read".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree on disk; a path that ends in `/` is a folder.
    fn on_disk(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, bytes) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        folder
    }

    fn read(folder: &Path) -> Tree {
        discover(folder, &DiscoverOptions::default()).unwrap()
    }

    fn texts(tree: &Tree) -> Vec<&str> {
        tree.files.iter().map(|file| &*file.path).collect()
    }

    fn ledger(tree: &Tree) -> Vec<String> {
        tree.ledger
            .iter()
            .map(|entry| format!("{} {}: {}", entry.kind.key(), entry.path, entry.message))
            .collect()
    }

    #[test]
    fn reads_what_matters_in_the_order_of_paths() {
        let folder = on_disk(&[
            ("b/app.py", b"x = 1\n"),
            ("a.py", b""),
            ("a/z.py", b""),
            ("Dockerfile", b"FROM python\n"),
            ("logo.png", b"\x89PNG\0"),
            ("bin/start", b"#!/bin/sh\nexec gunicorn shop:app\n"),
            ("bin/tool", b"\x7FELF\0"),
        ]);
        let tree = read(folder.path());
        assert_eq!(texts(&tree), ["Dockerfile", "a.py", "a/z.py", "b/app.py", "bin/start"]);
        assert_eq!(&*tree.file(tree.find("b/app.py").unwrap()).text, "x = 1\n");
        assert!(tree.exists("logo.png") && tree.exists("bin/tool"));
        assert_eq!(ledger(&tree), [""; 0]);
    }

    #[test]
    fn gitignore_holds_with_or_without_a_repository_and_what_matters_is_read_all_the_same() {
        let folder = on_disk(&[
            (".gitignore", b"*.log\n/generated/\n.env\ninstance/\nsecret.py\n!keep.log\n*.tmp.py\n"),
            ("sub/.gitignore", b"!kept.tmp.py\n"),
            ("sub/kept.tmp.py", b""),
            ("sub/lost.tmp.py", b""),
            (".env", b"SECRET_KEY=dev\n"),
            ("instance/config.py", b"SECRET_KEY = 'x'\n"),
            ("instance/shop.db", b"SQLite\0"),
            ("generated/app.py", b""),
            ("secret.py", b""),
            ("app.py", b""),
        ]);
        let tree = read(folder.path());
        assert_eq!(texts(&tree), [".env", "app.py", "instance/config.py", "sub/kept.tmp.py"]);
        let untracked: Vec<&str> =
            tree.files.iter().filter(|file| file.untracked).map(|file| &*file.path).collect();
        assert_eq!(untracked, [".env", "instance/config.py"]);
        assert!(!tree.exists("generated/app.py") && !tree.exists("instance/shop.db"));
        assert_eq!(
            ledger(&tree),
            [
                "left-out generated: ignored by version control",
                "left-out secret.py: ignored by version control",
                "left-out sub/lost.tmp.py: ignored by version control"
            ]
        );
    }

    #[test]
    fn a_root_inside_an_ignored_folder_is_read() {
        for pattern in ["build/\n", "/build/*\n", "build/**\n"] {
            let folder = on_disk(&[
                (".git/HEAD", b""),
                (".gitignore", pattern.as_bytes()),
                ("build/shop/app.py", b""),
                ("app.py", b""),
            ]);
            assert_eq!(texts(&read(&folder.path().join("build/shop"))), ["app.py"], "{pattern}");
            assert_eq!(texts(&read(&folder.path().join("build"))), ["shop/app.py"], "{pattern}");
        }
    }

    #[test]
    fn what_is_tracked_cannot_be_hidden_by_ignoring_it() {
        let folder = on_disk(&[
            (".gitignore", b"app.py\nvendor/\nlocal.py\n"),
            ("app.py", b""),
            ("local.py", b""),
            ("vendor/kept.py", b""),
            ("vendor/lost.py", b""),
            ("sub/app.py", b""),
            ("sub/local.py", b""),
        ]);
        let git = |words: &[&str]| {
            let mut command = std::process::Command::new("git");
            command.arg("-C").arg(folder.path()).args(words).env("GIT_CONFIG_GLOBAL", "/dev/null");
            command.status().is_ok_and(|status| status.success())
        };
        if !git(&["init", "-q"]) {
            return; // Without git there is no index to read.
        }
        for version in ["2", "4"] {
            assert!(git(&["add", "-f", "app.py", "sub/app.py", "vendor/kept.py"]));
            assert!(git(&["update-index", "--index-version", version]));
            let tree = read(folder.path());
            assert_eq!(texts(&tree), ["app.py", "sub/app.py", "vendor/kept.py"]);
            assert!(tree.files.iter().all(|file| !file.untracked));
            assert_eq!(texts(&read(&folder.path().join("sub"))), ["app.py"]);
        }
    }

    #[test]
    fn rules_above_the_root_hold_inside_a_repository() {
        let folder = on_disk(&[
            (".git/info/exclude", b"scratch.py\n"),
            (".gitignore", b"*_old.py\n"),
            ("shop/app.py", b""),
            ("shop/app_old.py", b""),
            ("shop/scratch.py", b""),
        ]);
        assert_eq!(texts(&read(&folder.path().join("shop"))), ["app.py"]);
    }

    #[test]
    fn folders_without_the_applications_own_code_are_left_out_once() {
        let folder = on_disk(&[
            ("node_modules/a/a.js", b""),
            ("env/pyvenv.cfg", b""),
            ("env/lib/x.py", b""),
            ("venv/app.py", b"# a package with an unlucky name\n"),
            ("__pycache__/app.pyc", b""),
            ("setup.py", b""),
            ("build/lib/app.py", b""),
            ("web/build/index.html", b""),
            ("app.py", b""),
        ]);
        let tree = read(folder.path());
        assert_eq!(texts(&tree), ["app.py", "setup.py", "venv/app.py", "web/build/index.html"]);
        assert_eq!(
            ledger(&tree),
            [
                "left-out build: the output of a build",
                "left-out env: a virtual environment",
                "left-out node_modules: packages for browsers"
            ]
        );
        assert!(!tree.paths.iter().any(|path| path.path.starts_with("env/")));
    }

    #[test]
    fn exclusions_are_said_and_checked() {
        let folder = on_disk(&[("app.py", b""), ("old/app.py", b""), ("sub/old/app.py", b"")]);
        let options = DiscoverOptions { exclude: vec!["/old".to_owned()] };
        let tree = discover(folder.path(), &options).unwrap();
        assert_eq!(texts(&tree), ["app.py", "sub/old/app.py"]);
        assert_eq!(ledger(&tree), ["left-out old: excluded by `exclude`"]);
        let options = DiscoverOptions { exclude: vec!["a[".to_owned()] };
        assert!(discover(folder.path(), &options).unwrap_err().to_string().starts_with("the exclusion `a[`"));
    }

    #[test]
    fn what_cannot_be_decoded_is_said_and_the_rest_is_read() {
        let folder = on_disk(&[
            ("app.py", b"x = 1\n"),
            ("broken.py", b"x = '\xFF'\n"),
            ("nul.py", b"x = 1\0\n"),
            ("euc.py", b"# coding: euc-kr\nx = '\xC7\xD1'\n"),
            ("nginx.conf", b"# caf\xE9\n"),
            ("static/app.js", b"\xFF\0"),
        ]);
        let tree = read(folder.path());
        assert_eq!(texts(&tree), ["app.py", "euc.py", "nginx.conf"]);
        assert!(tree.file(tree.find("euc.py").unwrap()).text.contains('한'));
        assert_eq!(
            ledger(&tree),
            [
                "unreadable broken.py: is not UTF-8 and declares no encoding: byte 0xFF in line 1 (offset 5)",
                "unreadable nul.py: contains a NUL byte in line 1 (offset 5), which Python refuses",
                "left-out static/app.js: contains a NUL byte in line 1 (offset 1) and is not text",
                "note nginx.conf: is not UTF-8 and was read as Latin-1: byte 0xE9 in line 1 (offset 5)",
            ]
        );
    }

    #[test]
    fn a_huge_file_is_not_read() {
        let folder = on_disk(&[("app.py", b"")]);
        fs::File::create(folder.path().join("huge.py")).unwrap().set_len(200 << 20).unwrap();
        let tree = read(folder.path());
        assert_eq!(texts(&tree), ["app.py"]);
        assert_eq!(tree.paths.iter().find(|path| &*path.path == "huge.py").unwrap().size, 200 << 20);
        assert_eq!(
            ledger(&tree),
            [
                "unreadable huge.py: is larger than 16 MiB and was not read; if production does not need it, name it in `exclude`"
            ]
        );
    }

    #[cfg(unix)]
    #[test]
    fn links_and_special_files_are_never_opened() {
        use std::os::unix::fs::symlink;
        let outside = on_disk(&[("secret.py", b"")]);
        let folder = on_disk(&[("app.py", b""), ("sub/a.py", b"")]);
        let at = |name: &str| folder.path().join(name);
        symlink(outside.path().join("secret.py"), at("leak.py")).unwrap();
        symlink(outside.path(), at("leak")).unwrap();
        symlink("loop", at("loop")).unwrap();
        symlink("..", at("sub/up")).unwrap();
        symlink("gone", at("dangling.py")).unwrap();
        symlink("app.py", at("same.py")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(at("pipe.py")).status().unwrap().success());
        let _socket = std::os::unix::net::UnixListener::bind(at("shop.sock")).unwrap();
        let tree = read(folder.path());
        assert_eq!(texts(&tree), ["app.py", "sub/a.py"]);
        assert!(tree.exists("same.py"));
        assert_eq!(
            ledger(&tree),
            [
                "unreadable pipe.py: is not a regular file, and only regular files are read",
                "left-out dangling.py: a link that leads nowhere",
                "left-out leak: a link that leads out of the checked folder; not followed",
                "left-out leak.py: a link that leads out of the checked folder; not followed",
                "left-out loop: a link that leads round in a circle",
                "left-out shop.sock: is not a regular file, and only regular files are read",
            ]
        );
    }

    #[test]
    fn a_root_that_cannot_be_walked_is_an_error() {
        let folder = on_disk(&[("app.py", b"")]);
        let message = |path: &Path| discover(path, &DiscoverOptions::default()).unwrap_err().to_string();
        assert!(message(&folder.path().join("none")).ends_with("none does not exist"));
        assert!(message(&folder.path().join("app.py")).contains("app.py is a file: name the folder"));
        let folder = on_disk(&[("site", b"server {}\n"), ("other.conf", b"")]);
        assert_eq!(
            texts(&discover(&folder.path().join("site"), &DiscoverOptions::default()).unwrap()),
            ["site"]
        );
        let empty = tempfile::tempdir().unwrap();
        assert!(read(empty.path()).paths.is_empty());
    }

    #[test]
    fn the_result_does_not_depend_on_the_number_of_threads() {
        let files: Vec<(String, Vec<u8>)> =
            (0..200).map(|n| (format!("p{}/m{n}.py", n % 7), format!("x = {n}\n").into_bytes())).collect();
        let files: Vec<(&str, &[u8])> =
            files.iter().map(|(path, text)| (path.as_str(), text.as_slice())).collect();
        let folder = on_disk(&files);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let tree = pool.install(|| read(folder.path()));
            format!("{:?} {:?}", tree.files, tree.paths)
        };
        assert_eq!(with(1), with(8));
    }
}
