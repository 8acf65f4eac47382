//! The abstract interpreter: what production's Python computes.
//!
//! One evaluator answers both questions that a gate has: which configuration is in effect, and what can reach
//! where. It runs the start-up code from the production entry with abstract values: constants exactly, text as
//! ropes with holes, choices that the environment decides under guards. Afterwards it calls every function once
//! as a request would. It executes nothing of the project and knows libraries only by their access paths.
//!
//! Reading order: `value`, `rope`, `guard`; then `heap` and `machine`, which say how paths of execution part and
//! meet; then `exec` and `eval`.

mod alphabet;
mod ambiguity;
mod app;
mod assign;
mod buffer;
mod builtins;
mod call;
mod called;
mod class;
mod comparison;
mod configparser;
mod connexion;
mod constant;
mod container;
mod cut;
mod display;
mod document;
mod environment;
mod eval;
mod evaluate;
mod event;
mod exception;
mod exec;
mod fact;
mod fields;
mod flask;
mod folder;
mod format;
mod guard;
mod heap;
mod import;
mod interpolate;
mod item;
mod later;
mod lexicon;
mod library;
mod limits;
mod machine;
mod markup;
mod match_statement;
mod message;
mod narrow;
mod object;
mod operator;
mod origin;
mod parsed;
mod paths;
mod pattern;
mod pattern_parser;
mod program;
mod pydantic;
mod regex;
mod request;
mod resource;
mod rope;
mod saved;
mod serve;
mod settings;
mod stdlib;
mod text;
mod transfer;
mod truth;
mod url;
mod value;
mod worker;

pub use alphabet::Alphabet;
pub use ambiguity::{Blowup, Growth};
pub use app::{App, Hook, Overlay, Route, SettingFact};
pub use called::Called;
pub use connexion::Operation;
pub use environment::{Environment, Variable, VariableValue};
pub use evaluate::{Evaluation, FunctionResult, Outcome, Target, evaluate, evaluate_file, evaluate_script};
pub use event::{Context, Decorated, Event, Incomplete};
pub use fact::{ClassFact, Fact, FactKind, FunctionFact};
pub use guard::{Guard, States, Texts};
pub use limits::{Checks, Identity, Limits, Relation};
pub use origin::{Change, Changes, Coding, Origin, OriginKind, Step, StepKind};
pub use pattern::{Excluded, Flags, Mode, Pattern, Texts as MatchedTexts};
pub use program::{Parsed, Program};
pub use rope::{Hole, Rope, Segment, Source};
pub use text::JOINED;
