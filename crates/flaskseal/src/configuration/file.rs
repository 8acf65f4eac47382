//! The configuration file: where it is found and what it may say.

use std::path::{Path, PathBuf};

use flaskseal_core::{Item, RuleMeta, Severity};
use flaskseal_judge::Ignore;
use flaskseal_system::InputError;

use super::document::{ConfigurationError, Document, Table, Value};
use super::{Origin, Setting};
use crate::selection::{Selector, find_rule, require_item};

/// What a configuration file says; what it does not say is `None`.
#[derive(Default, Debug)]
pub(super) struct Settings {
    pub(super) entry: Option<Setting<Vec<String>>>,
    pub(super) env_file: Option<Setting<Vec<PathBuf>>>,
    pub(super) env_complete: Option<Setting<bool>>,
    pub(super) only: Option<Setting<Vec<Selector>>>,
    pub(super) skip: Option<Setting<Vec<Selector>>>,
    pub(super) fail_on: Option<Setting<Severity>>,
    pub(super) require: Option<Setting<Vec<Item>>>,
    pub(super) baseline: Option<Setting<PathBuf>>,
    pub(super) models: Option<Setting<Vec<PathBuf>>>,
    pub(super) exclude: Option<Setting<Vec<String>>>,
    pub(super) production_paths: Option<Setting<Vec<String>>>,
    pub(super) aside_paths: Option<Setting<Vec<String>>>,
    pub(super) ignore: Option<Setting<Vec<Ignore>>>,
    pub(super) session_lifetime_hours: Option<Setting<u32>>,
}

/// A configuration file that exists, and the name to print for it.
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) text: String,
}

/// Looks for `flaskseal.toml`, or a `pyproject.toml` with `[tool.flaskseal]`, from `root` up to the first folder that
/// holds `.git`; without a repository in `root` alone, so that nothing outside of what was named has a say. The
/// nearest folder wins, and nothing is merged.
pub(super) fn find(root: &Path) -> anyhow::Result<Option<Found>> {
    let canonical = flaskseal_system::canonical(root)?;
    let in_repository = canonical.ancestors().position(|folder| folder.join(".git").exists());
    for folder in canonical.ancestors().take(in_repository.map_or(1, |last| last + 1)) {
        // The user's own spelling where there is one.
        let shown = if folder == canonical { root } else { folder };
        let own = read_if_present(folder, shown, "flaskseal.toml")?;
        let project = match read_if_present(folder, shown, "pyproject.toml")? {
            Some(found) if speaks_of_us(&found)? => Some(found),
            _ => None,
        };
        match (own, project) {
            (Some(own), Some(project)) => {
                anyhow::bail!(
                    "{} and [tool.flaskseal] in {} both configure flaskseal: keep one",
                    own.name,
                    project.name
                )
            }
            (Some(found), None) | (None, Some(found)) => return Ok(Some(found)),
            (None, None) => {}
        }
    }
    Ok(None)
}

/// Reads the file that `--config` names.
pub(super) fn read(path: &Path) -> Result<Found, InputError> {
    let text = flaskseal_system::read_to_string(path)?;
    Ok(Found { name: path.display().to_string(), path: path.to_path_buf(), text })
}

fn read_if_present(folder: &Path, shown: &Path, name: &str) -> Result<Option<Found>, InputError> {
    let path = folder.join(name);
    if !path.exists() {
        return Ok(None);
    }
    let text = flaskseal_system::read_to_string(&path)?;
    let shown = if shown == Path::new(".") { PathBuf::from(name) } else { shown.join(name) };
    Ok(Some(Found { path, name: shown.display().to_string(), text }))
}

fn speaks_of_us(found: &Found) -> Result<bool, ConfigurationError> {
    // Most pyproject.toml files do not mention us, and need not be parsed, nor be right.
    if !found.text.contains("flaskseal") {
        return Ok(false);
    }
    let document = Document::new(&found.name, &found.text);
    let parsed = document.parse()?;
    let tool = parsed.get_ref().get("tool").and_then(|tool| tool.get_ref().as_table());
    Ok(tool.is_some_and(|tool| tool.contains_key("flaskseal")))
}

/// Reads the settings of a configuration file.
pub(super) fn settings(found: &Found, rules: &[&'static RuleMeta]) -> Result<Settings, ConfigurationError> {
    let document = Document::new(&found.name, &found.text);
    let parsed = document.parse()?;
    let is_project = found.path.file_name().is_some_and(|name| name == "pyproject.toml");
    if !is_project {
        return read_settings(Table::new(&document, parsed.get_ref(), ""), rules);
    }
    let mut whole = Table::new(&document, parsed.get_ref(), "");
    let Some(tool) = whole.take("tool") else { return Ok(Settings::default()) };
    match tool.table("")?.take("flaskseal") {
        None => Ok(Settings::default()),
        Some(value) => read_settings(value.table(" in [tool.flaskseal]")?, rules),
    }
}

fn read_settings(mut table: Table<'_>, rules: &[&'static RuleMeta]) -> Result<Settings, ConfigurationError> {
    let selector = |text: &str| Selector::parse(text, rules);
    let settings = Settings {
        entry: read_one(table.take("entry"), |value| value.each(owned))?,
        env_file: read_one(table.take("env-file"), |value| value.each(|text| Ok(PathBuf::from(text))))?,
        env_complete: read_one(table.take("env-complete"), Value::boolean)?,
        only: read_one(table.take("only"), |value| value.each(selector))?,
        skip: read_one(table.take("skip"), |value| value.each(selector))?,
        fail_on: read_one(table.take("fail-on"), severity)?,
        require: read_one(table.take("require"), |value| value.each(require_item))?,
        baseline: read_one(table.take("baseline"), |value| Ok(PathBuf::from(value.string()?)))?,
        models: read_one(table.take("models"), |value| value.each(|text| Ok(PathBuf::from(text))))?,
        exclude: read_one(table.take("exclude"), |value| value.each(owned))?,
        production_paths: read_one(table.take("production-paths"), |value| value.each(owned))?,
        aside_paths: read_one(table.take("aside-paths"), |value| value.each(owned))?,
        ignore: read_one(table.take("ignore"), |value| {
            value.elements()?.iter().map(|element| ignore(element, rules)).collect()
        })?,
        session_lifetime_hours: read_one(table.take("session-lifetime-hours"), Value::count)?,
    };
    table.finish()?;
    Ok(settings)
}

/// A value, if it is there, with the place that it comes from.
fn read_one<'d, T>(
    value: Option<Value<'d>>,
    read: impl FnOnce(&Value<'d>) -> Result<T, ConfigurationError>,
) -> Result<Option<Setting<T>>, ConfigurationError> {
    value.map(|found| Ok(Setting { value: read(&found)?, origin: Origin::File(found.line()) })).transpose()
}

#[expect(clippy::unnecessary_wraps, reason = "the shape that `Value::each` asks for")]
fn owned(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

pub(super) fn severity(value: &Value<'_>) -> Result<Severity, ConfigurationError> {
    let text = value.string()?;
    Severity::from_key(text).ok_or_else(|| {
        let keys = Severity::ALL.map(Severity::key);
        let near = crate::suggest::did_you_mean(text, keys);
        value.error(format!("`{text}` is no severity{near} (severities: {})", keys.join(", ")))
    })
}

fn ignore(element: &Value<'_>, rules: &[&'static RuleMeta]) -> Result<Ignore, ConfigurationError> {
    let mut table = element.table(" in an element of `ignore`")?;
    let (rule, advisory) = (table.take("rule"), table.take("advisory"));
    let path = table.take("path");
    let (reason, until) = (table.take("reason"), table.take("until"));
    table.finish()?;
    let missing = |key| element.error(format!("an element of `ignore` needs `{key}`"));
    let what = match (rule, advisory) {
        (Some(_), Some(advisory)) => {
            return Err(advisory.error("an element of `ignore` names a rule or an advisory, not both"));
        }
        (Some(rule), None) => {
            find_rule(rule.string()?, rules).map_err(|message| rule.error(message))?.id.to_string()
        }
        (None, Some(advisory)) => {
            let id = advisory.string()?.trim();
            if !flaskseal_judge::is_advisory_id(id) {
                let message = format!("`{id}` is no id of an advisory, such as CVE-2023-30861");
                return Err(advisory.error(message));
            }
            id.to_owned()
        }
        (None, None) => return Err(missing("rule` or `advisory")),
    };
    let reason = reason.ok_or_else(|| missing("reason"))?;
    if reason.string()?.trim().is_empty() {
        return Err(reason.error("`reason` must say why"));
    }
    Ok(Ignore {
        what,
        path_glob: path.map_or(Ok("**"), |path| path.string())?.to_owned(),
        reason: reason.string()?.to_owned(),
        until: until.map(|until| until.date()).transpose()?,
        origin: element.line(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selection::tests::KEY;

    fn read_text(name: &str, text: &str) -> Result<Settings, String> {
        let found = Found { path: name.into(), name: name.to_owned(), text: text.to_owned() };
        settings(&found, &[&KEY]).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_says_what_it_says_and_where() {
        let text = "[project]\nname = 'shop'\n[tool.flaskseal]\nentry = 'shop:app'\nfail-on = \"high\"\n\
            skip = ['debug', 'hardcoded-secret-key']\nrequire = ['3']\nsession-lifetime-hours = 24\n\
            ignore = [{ rule = 'FS301', path = 'old/**', reason = 'gone in May', until = 2027-05-01 }]\n";
        let settings = read_text("pyproject.toml", text).unwrap();
        assert_eq!(settings.entry.unwrap().value, ["shop:app"]);
        let fail_on = settings.fail_on.unwrap();
        assert_eq!(
            (fail_on.value, fail_on.origin),
            (Severity::High, Origin::File("pyproject.toml:5".to_owned()))
        );
        assert_eq!(settings.skip.unwrap().value, [Selector::Item(Item::Debug), Selector::Rule(KEY.id)]);
        assert_eq!(settings.require.unwrap().value, [Item::Session]);
        let ignores = settings.ignore.unwrap().value;
        assert_eq!(ignores[0].until.unwrap().to_string(), "2027-05-01");
        assert_eq!(ignores[0].origin, "pyproject.toml:9");
        assert!(settings.exclude.is_none());
        let text = "ignore = [{ advisory = 'CVE-2023-30861', reason = 'no shared cache' }]";
        let ignores = read_text("flaskseal.toml", text).unwrap().ignore.unwrap().value;
        assert_eq!((ignores[0].what.as_str(), ignores[0].path_glob.as_str()), ("CVE-2023-30861", "**"));
    }

    #[test]
    fn complaints_name_the_place_and_what_was_meant() {
        let complaint = |text| read_text("flaskseal.toml", text).unwrap_err();
        assert_eq!(
            complaint("entry = ['a:b']\nfail_on = 'high'\n"),
            "flaskseal.toml:2:1: unknown key `fail_on`; did you mean `fail-on`?"
        );
        assert_eq!(complaint("zzz = 1\n"), "flaskseal.toml:1:1: unknown key `zzz`");
        assert_eq!(
            complaint("fail-on = 3"),
            "flaskseal.toml:1:11: `fail-on` must be a string, not an integer"
        );
        assert_eq!(
            complaint("exclude = ['a', ['b']]"),
            "flaskseal.toml:1:17: `exclude` must be an array of strings, not an array"
        );
        assert_eq!(
            complaint("fail-on = 'hihg'"),
            "flaskseal.toml:1:11: `hihg` is no severity; did you mean `high`? (severities: low, medium, high, critical)"
        );
        assert!(
            complaint("only = ['sesion']")
                .starts_with("flaskseal.toml:1:9: `sesion` is no item and no rule; did you mean `session`?")
        );
        assert_eq!(
            complaint("ignore = [{ rule = 'FS301' }]"),
            "flaskseal.toml:1:11: an element of `ignore` needs `reason`"
        );
        assert_eq!(
            complaint("ignore = [{ reason = 'x' }]"),
            "flaskseal.toml:1:11: an element of `ignore` needs `rule` or `advisory`"
        );
        assert!(
            complaint("ignore = [{ advisory = 'FS601', reason = 'x' }]").contains("no id of an advisory")
        );
        assert_eq!(
            complaint("ignore = [{ rule = 'FS301', reasn = 'x' }]"),
            "flaskseal.toml:1:29: unknown key `reasn` in an element of `ignore`; did you mean `reason`?"
        );
        assert_eq!(
            complaint("ignore = [{ rule = 'FS301', reason = 'x', until = '31.3.2027' }]"),
            "flaskseal.toml:1:51: `until` must be a date written YYYY-MM-DD"
        );
        assert_eq!(
            complaint("session-lifetime-hours = -1"),
            "flaskseal.toml:1:26: `session-lifetime-hours` must be between 1 and 4294967295"
        );
        assert!(complaint("entry = [\n").starts_with("flaskseal.toml:"));
        let project = read_text("pyproject.toml", "[tool.flaskseal]\nexlude = []\n").unwrap_err();
        assert_eq!(
            project,
            "pyproject.toml:2:1: unknown key `exlude` in [tool.flaskseal]; did you mean `exclude`?"
        );
    }

    #[test]
    fn hostile_text_is_refused_and_nothing_else() {
        for text in [
            "\u{0}",
            "a = [[[[[[",
            "[tool]\nflaskseal = 1",
            "a.b.c = ",
            "\u{FEFF}entry = ''",
            "'\u{1F980}' = 1",
        ] {
            let _ = read_text("flaskseal.toml", text);
            let _ = read_text("pyproject.toml", text);
        }
        let deep = format!("entry = {}", "[".repeat(100_000));
        assert!(read_text("flaskseal.toml", &deep).is_err());
    }
}
