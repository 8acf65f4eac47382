//! What applies to one run, value by value with its origin. Later wins: default, configuration file, environment,
//! command line. A policy comes last and can only make the gate stricter.

mod document;
mod file;
mod policy;

use std::fmt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::ArgMatches;
use clap::parser::ValueSource;
use flaskseal_core::{Item, RuleMeta, Severity};
use flaskseal_judge::Ignore;

pub use document::ConfigurationError;

use crate::arguments::ProjectArguments;
use crate::selection::{Selection, Selector};
use file::Settings;
use policy::{Demands, Freedom};

/// A value and where it comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting<T> {
    pub value: T,
    pub origin: Origin,
}

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    Default,
    /// `pyproject.toml:12`.
    File(String),
    /// `FLASKSEAL_ENTRY`.
    Environment(String),
    /// `--entry`.
    CommandLine(String),
    /// The name of the policy file.
    Policy(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(place) => f.write_str(place),
            Self::Environment(name) | Self::CommandLine(name) => f.write_str(name),
            Self::Policy(name) => write!(f, "policy {name}"),
        }
    }
}

/// Everything that applies to a run.
#[derive(Debug)]
pub struct Configuration {
    pub entry: Setting<Vec<String>>,
    pub env_file: Setting<Vec<PathBuf>>,
    pub env_complete: Setting<bool>,
    pub only: Setting<Vec<Selector>>,
    pub skip: Setting<Vec<Selector>>,
    pub fail_on: Setting<Severity>,
    pub require: Setting<Vec<Item>>,
    pub baseline: Setting<Option<PathBuf>>,
    /// Files that say what further libraries do.
    pub models: Setting<Vec<PathBuf>>,
    pub exclude: Setting<Vec<String>>,
    /// Globs of paths that are production code, whatever they look like.
    pub production_paths: Setting<Vec<String>>,
    /// Globs of paths that are not production code, whatever they look like.
    pub aside_paths: Setting<Vec<String>>,
    pub ignore: Setting<Vec<Ignore>>,
    /// Whether comments in the tree may silence findings.
    pub inline_ignores: Setting<bool>,
    /// The longest life of a session that is acceptable, in hours.
    pub session_lifetime_hours: Setting<Option<u32>>,
    /// The configuration file in use, by the name to print.
    pub file: Option<String>,
    /// What the report should tell about all this: what the policy overruled.
    pub notes: Vec<String>,
}

/// Whether the text of a configuration file says what it can say; `name` decides whether it is read as a
/// `pyproject.toml` or as a file of our own.
pub fn validate(name: &str, text: &str, rules: &[&'static RuleMeta]) -> Result<(), ConfigurationError> {
    let found = file::Found { path: name.into(), name: name.to_owned(), text: text.to_owned() };
    file::settings(&found, rules).map(|_| ())
}

impl Configuration {
    /// Brings command line, environment, configuration file and policy together. `matches` tell which of the
    /// arguments were really given.
    pub fn resolve(
        arguments: &ProjectArguments,
        matches: &ArgMatches,
        rules: &[&'static RuleMeta],
    ) -> anyhow::Result<Self> {
        if !flaskseal_system::is_folder(&arguments.path) {
            // Whatever is wrong with PATH is said by the one who walks it; it has no configuration in any case.
            flaskseal_system::canonical(&arguments.path)?;
        }
        let given = Given { matches };
        // Of a variable and an option, the option wins.
        let said = |id| matches!(given.origin(id), Some(Origin::CommandLine(_)));
        if arguments.isolated && arguments.config.is_some() && said("config") == said("isolated") {
            bail!("--config and --isolated contradict each other");
        }
        let isolated = arguments.isolated && !said("config");
        let found = match &arguments.config {
            _ if isolated => None,
            Some(path) => Some(file::read(path)?),
            None if !flaskseal_system::is_folder(&arguments.path) => None,
            None => file::find(&arguments.path)?,
        };
        let mut settings = Settings::default();
        if let Some(found) = &found {
            settings = file::settings(found, rules)?;
            settings.anchor(&found.path, arguments.config.is_some())?;
        }
        let mut configuration = Self::merge(arguments, &given, settings, rules)?;
        configuration.file = found.map(|found| found.name);
        if let Some(path) = &arguments.policy {
            let demands = policy::read(path).context("the policy cannot be applied")?;
            configuration.obey(&demands)?;
            let inside = |root: PathBuf| Some(flaskseal_system::canonical(path).ok()?.starts_with(root));
            if flaskseal_system::canonical(&arguments.path).ok().and_then(inside).unwrap_or(false) {
                let note =
                    format!("the policy {} stands in the checked folder, which can change it", demands.name);
                configuration.notes.push(note);
            }
        }
        Ok(configuration)
    }

    fn merge(
        arguments: &ProjectArguments,
        given: &Given<'_>,
        settings: Settings,
        rules: &[&'static RuleMeta],
    ) -> anyhow::Result<Self> {
        let selectors = |texts: &[String], option: &str| -> anyhow::Result<Vec<Selector>> {
            let parse = |text: &String| Selector::parse(text.trim(), rules);
            texts
                .iter()
                .map(parse)
                .collect::<Result<_, _>>()
                .map_err(|message| anyhow::anyhow!("{option}: {message}"))
        };
        let only = selectors(&arguments.gate.only, "--only")?;
        let skip = selectors(&arguments.gate.skip, "--skip")?;
        let mut configuration = Self {
            entry: given.or("entry", arguments.entry.clone(), settings.entry, Vec::new()),
            env_file: given.or("env_file", arguments.env_file.clone(), settings.env_file, Vec::new()),
            env_complete: given.or("env_complete", arguments.env_complete, settings.env_complete, false),
            only: given.or("only", only, settings.only, Vec::new()),
            skip: given.or("skip", skip, settings.skip, Vec::new()),
            fail_on: given.or(
                "fail_on",
                arguments.gate.fail_on.unwrap_or(Severity::Medium),
                settings.fail_on,
                Severity::Medium,
            ),
            require: settings.require.unwrap_or_else(Setting::default_value),
            baseline: given.or(
                "baseline",
                arguments.baseline.clone(),
                settings
                    .baseline
                    .map(|setting| Setting { value: Some(setting.value), origin: setting.origin }),
                None,
            ),
            exclude: given.or("exclude", arguments.exclude.clone(), settings.exclude, Vec::new()),
            production_paths: settings.production_paths.unwrap_or_else(Setting::default_value),
            aside_paths: settings.aside_paths.unwrap_or_else(Setting::default_value),
            ignore: settings.ignore.unwrap_or_else(Setting::default_value),
            inline_ignores: Setting { value: true, origin: Origin::Default },
            models: settings.models.unwrap_or_else(Setting::default_value),
            session_lifetime_hours: settings
                .session_lifetime_hours
                .map_or_else(Setting::default_value, Setting::some),
            file: None,
            notes: Vec::new(),
        };
        if let Some(origin) = given.origin("no_ignores").filter(|_| arguments.no_ignores) {
            configuration.inline_ignores = Setting { value: false, origin: origin.clone() };
            configuration.ignore = Setting { value: Vec::new(), origin };
        }
        if let Some(origin) = given.origin("strict").filter(|_| arguments.strict) {
            configuration.require = Setting { value: configuration.selected_items(), origin };
        }
        Ok(configuration)
    }

    /// Settings that were given and that no part of this version asks for.
    pub(crate) fn unused(&self) -> impl Iterator<Item = String> {
        let given =
            [("production-paths", &self.production_paths.origin), ("aside-paths", &self.aside_paths.origin)];
        given
            .into_iter()
            .filter(|(_, origin)| **origin != Origin::Default)
            .map(|(key, origin)| format!("`{key}` ({origin}) is not applied by this version"))
    }

    /// Applies a policy. What the tree's own configuration does against it is undone and noted; what the command line
    /// does against it is refused, because somebody is there to read the refusal.
    fn obey(&mut self, demands: &Demands) -> anyhow::Result<()> {
        let origin = Origin::Policy(demands.name.clone());
        for freedom in &demands.forbid {
            self.withdraw(*freedom, demands)?;
        }
        if let Some(fail_on) = demands.fail_on.filter(|&fail_on| fail_on < self.fail_on.value) {
            self.fail_on = Setting { value: fail_on, origin: origin.clone() };
        }
        let mut required = demands.require.clone();
        if demands.strict {
            required.extend(self.selected_items());
        }
        required.retain(|item| !self.require.value.contains(item));
        if !required.is_empty() {
            self.require.value.extend(required);
            self.require.value.sort();
            self.require.value.dedup();
            self.require.origin = origin.clone();
        }
        if let Some(hours) = demands.session_lifetime_hours
            && self.session_lifetime_hours.value.is_none_or(|own| hours < own)
        {
            self.session_lifetime_hours = Setting { value: Some(hours), origin };
        }
        Ok(())
    }

    fn withdraw(&mut self, freedom: Freedom, demands: &Demands) -> anyhow::Result<()> {
        let key = freedom.key();
        let overruled = match freedom {
            Freedom::Entry => self.entry.withdraw(key, demands)?,
            Freedom::EnvFile => self.env_file.withdraw(key, demands)?,
            Freedom::EnvComplete => self.env_complete.withdraw(key, demands)?,
            Freedom::Only => self.only.withdraw(key, demands)?,
            Freedom::Skip => self.skip.withdraw(key, demands)?,
            Freedom::Exclude => self.exclude.withdraw(key, demands)?,
            Freedom::Models => self.models.withdraw(key, demands)?,
            Freedom::Baseline => self.baseline.withdraw(key, demands)?,
            Freedom::ProductionPaths => self.production_paths.withdraw(key, demands)?,
            Freedom::AsidePaths => self.aside_paths.withdraw(key, demands)?,
            Freedom::Ignore => {
                self.inline_ignores = Setting { value: false, origin: Origin::Policy(demands.name.clone()) };
                // `--no-ignores` is on the policy's side.
                if self.ignore.value.is_empty() { None } else { self.ignore.withdraw(key, demands)? }
            }
        };
        self.notes.extend(overruled);
        Ok(())
    }

    pub fn selection(&self) -> Selection {
        Selection { only: self.only.value.clone(), skip: self.skip.value.clone() }
    }

    fn selected_items(&self) -> Vec<Item> {
        let selection = self.selection();
        Item::ALL.into_iter().filter(|&item| selection.selects_item(item)).collect()
    }
}

impl<T: Default> Setting<T> {
    fn default_value() -> Self {
        Self { value: T::default(), origin: Origin::Default }
    }

    /// Takes a value back to its default, on a policy's behalf; the answer is a note about what was undone.
    fn withdraw(&mut self, key: &str, demands: &Demands) -> anyhow::Result<Option<String>> {
        match &self.origin {
            Origin::Default | Origin::Policy(_) => Ok(None),
            Origin::CommandLine(option) | Origin::Environment(option) => {
                bail!("{option} may not be used: {} forbids `{key}`", demands.name)
            }
            Origin::File(place) => {
                let note = format!("`{key}` of {place} was not applied: {} forbids it", demands.name);
                *self = Self { value: T::default(), origin: Origin::Policy(demands.name.clone()) };
                Ok(Some(note))
            }
        }
    }
}

impl<T> Setting<T> {
    fn some(self) -> Setting<Option<T>> {
        Setting { value: Some(self.value), origin: self.origin }
    }
}

impl Settings {
    /// Paths in a configuration file are relative to it. One that was found in the tree, and not named by the user,
    /// may be hostile: it cannot make us read or write outside its own folder.
    fn anchor(&mut self, file: &Path, trusted: bool) -> anyhow::Result<()> {
        let folder = file.parent().unwrap_or(Path::new("")).to_path_buf();
        for path in self.env_file.iter_mut().flat_map(|setting| &mut setting.value) {
            *path = anchored(&folder, path, trusted)?;
        }
        for path in self.models.iter_mut().flat_map(|setting| &mut setting.value) {
            *path = anchored(&folder, path, trusted)?;
        }
        if let Some(setting) = &mut self.baseline {
            setting.value = anchored(&folder, &setting.value, trusted)?;
        }
        Ok(())
    }
}

fn anchored(folder: &Path, path: &Path, trusted: bool) -> anyhow::Result<PathBuf> {
    let joined = folder.join(path);
    if trusted {
        return Ok(joined);
    }
    let stays = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let leads_out = || {
        let target = flaskseal_system::canonical(&joined).ok()?;
        let folder = flaskseal_system::canonical(folder).ok()?;
        Some(!target.starts_with(folder))
    };
    if !stays || leads_out().unwrap_or(false) {
        bail!(
            "{} leads out of the folder of the configuration file: name it on the command line, or the configuration \
             file with --config",
            path.display()
        );
    }
    Ok(joined)
}

/// Which arguments were given, and how.
struct Given<'m> {
    matches: &'m ArgMatches,
}

impl Given<'_> {
    fn origin(&self, id: &str) -> Option<Origin> {
        let name = id.replace('_', "-");
        match self.matches.value_source(id)? {
            ValueSource::CommandLine => Some(Origin::CommandLine(format!("--{name}"))),
            ValueSource::EnvVariable => {
                Some(Origin::Environment(format!("FLASKSEAL_{}", id.to_ascii_uppercase())))
            }
            _ => None,
        }
    }

    /// The argument if it was given, else what the file says, else the default.
    fn or<T>(&self, id: &str, argument: T, file: Option<Setting<T>>, default: T) -> Setting<T> {
        match self.origin(id) {
            Some(origin) => Setting { value: argument, origin },
            None => file.unwrap_or(Setting { value: default, origin: Origin::Default }),
        }
    }
}
