//! Python packages: what a project declares, what it locks, and what is known against that.
//!
//! Pure, like every reader of syntax: text in, facts with ranges out, and never an error that ends a run. Nothing here
//! asks an index, resolves versions or runs a build. Reading order: `name`, `requirement`, `marker`; then a module for
//! each format; then `advisory`, which decides what affects a version, and the two places that advisories come from,
//! `core_table` and `store`.

mod name;
pub use name::{is_name, normalize};

mod specifier;
pub use specifier::{admits, have_common_version};

mod marker;
pub use marker::{Marker, Target};

mod requirement;
pub use requirement::{Group, Requirement, RequirementError};

mod manifest;
pub use manifest::{Include, Index, IndexKind, Manifest, ManifestKind, Problem};

mod document;

mod requirements_txt;
pub use requirements_txt::read_requirements;

mod pyproject;
pub use pyproject::read_pyproject;

mod poetry_constraint;

mod pipfile;
pub use pipfile::read_pipfile;

mod ini;

mod pip_conf;
pub use pip_conf::read_pip_conf;

mod setup_cfg;
pub use setup_cfg::read_setup_cfg;

mod lock;
pub use lock::{Dependency, Lock, LockTool, Locked, Selected, Source};

mod lock_toml;
pub use lock_toml::{read_pdm_lock, read_poetry_lock, read_pylock, read_uv_lock};

mod pipfile_lock;
pub use pipfile_lock::read_pipfile_lock;

mod content_hash;
pub use content_hash::is_made_from;

mod sbom;
pub use sbom::{is_bill_of_materials, read_bill_of_materials};

mod sbom_tags;

mod sbom_xml;

mod environment;
pub use environment::read_environment;

mod python_version;
pub use python_version::{read_python_version, read_runtime};

mod end_of_life;
pub use end_of_life::end_of_life;

mod advisory;
pub use advisory::{
    Advisory, Event, Kind, Range, Score, affecting, fixed_versions, merged, smallest_upgrade,
};

mod osv;
pub use osv::{OsvDocument, OsvError, read_osv};

mod record;

mod yanked;
pub use yanked::SECURITY;

mod core_table;
pub use core_table::{core_advisories, core_packages, encode_core_table, superfluous_additions};

mod dump;
pub use dump::{Dump, DumpError, read_documents, read_zip};

mod store;
pub use store::{FRESH_DAYS, Provenance, Store, StoreError, encode_store};

mod condition;
pub use condition::{Condition, condition_of};

mod distribution;
pub use distribution::{
    Abandoned, abandoned, brings, brought_by, import_names, is_development_tool, is_security_relevant,
    is_used_without_import,
};

pub use pep440_rs::{Operator, Version, VersionSpecifier, VersionSpecifiers};
