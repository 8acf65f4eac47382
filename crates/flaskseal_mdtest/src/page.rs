//! The form of a page: headings, named blocks, and what they mean. Malformed pages are errors, never fewer tests.

use std::collections::BTreeMap;

use flaskseal_core::{RuleId, Tree};
use serde::Deserialize;
use thiserror::Error;

use crate::comment;
use crate::expectation::{self, Expectation, Subject};

/// A page of documentation and tests.
#[derive(Debug)]
pub struct Page {
    pub title: Title,
    /// What stands above `## Examples`, heading by heading.
    pub sections: Vec<Section>,
    pub cases: Vec<Case>,
}

/// `# FS301 hardcoded-secret-key`, or `# Configuration from classes` on a page of the engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Title {
    pub id: Option<RuleId>,
    pub name: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Section {
    /// Without its `#`s.
    pub heading: String,
    pub text: String,
}

/// A heading without subheadings: one small project and what is expected of it.
#[derive(Clone, Default, Debug)]
pub struct Case {
    /// The heading, with the headings above it: `Dictionaries / From pairs`. Unique on its page.
    pub name: String,
    /// The heading's line on the page, from 1.
    pub line: u32,
    /// Path and text, sorted by path. Expectations stay in the text, so that every offset holds.
    pub files: Vec<(String, String)>,
    pub expectations: Vec<Expectation>,
    /// What the gate says of rules, controls and items: `FS301 = "fail"`.
    pub verdicts: BTreeMap<Subject, String>,
    /// Our own configuration (TOML).
    pub config: Option<String>,
    pub run: Option<Run>,
    /// Files after safe fixes, path and text.
    pub fixed: Vec<(String, String)>,
    /// The rendered report.
    pub report: Option<String>,
}

impl Case {
    /// The case's project, as the analysis reads it.
    pub fn tree(&self) -> Tree {
        Tree::from_texts(self.files.iter().filter(|(path, _)| !is_observed(path)).cloned())
    }

    /// What was seen of a running system: files below `@observed/`, path and text.
    pub fn observed(&self) -> Vec<(String, String)> {
        self.files.iter().filter(|(path, _)| is_observed(path)).cloned().collect()
    }
}

fn is_observed(path: &str) -> bool {
    path.starts_with("@observed/")
}

/// How production runs the project: a `run` block.
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// A command line (`gunicorn "wsgi:app"`) or a bare `module:callable`; without one the tree has to say it.
    pub entry: Option<String>,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Production's environment holds nothing but `env` and what the tree says.
    #[serde(default)]
    pub complete: bool,
}

/// What is wrong with a page.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("line {line}: {message}")]
pub struct PageError {
    /// On the page, from 1.
    pub line: u32,
    pub message: String,
}

impl PageError {
    fn new(line: u32, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

/// The page above `## Examples`, without its title: what `flaskseal explain` prints.
pub fn prose(page: &str) -> &str {
    let mut fence = None;
    let mut start = 0;
    let mut offset = 0;
    for line in page.split_inclusive('\n') {
        if !in_fence(&mut fence, line) {
            match heading(line) {
                Some((1, _)) if start == 0 => start = offset + line.len(),
                Some((2, "Examples")) => return page.get(start..offset).unwrap_or("").trim(),
                _ => {}
            }
        }
        offset += line.len();
    }
    page.get(start..).unwrap_or("").trim()
}

impl Page {
    /// Reads a page.
    ///
    /// # Errors
    /// The first thing that is malformed: an unknown word in an expectation, a block without a file, an unclosed
    /// block, a heading that occurs twice.
    pub fn parse(text: &str) -> Result<Self, PageError> {
        let mut parts = outline(text)?;
        if parts.first().is_none_or(|part| part.level != 1) {
            return Err(PageError::new(1, "a page begins with its title: `# FS301 hardcoded-secret-key`"));
        }
        if let Some(second) = parts.iter().skip(1).find(|part| part.level == 1) {
            return Err(PageError::new(second.line, "a page has one title"));
        }
        let examples = parts.iter().position(|part| part.level == 2 && part.heading == "Examples");
        let title = title(&parts[0].heading);
        if title.id.is_some() && examples.is_none() {
            return Err(PageError::new(1, "a rule's page has a heading `## Examples`"));
        }

        let mut sections = Vec::new();
        let mut cases: Vec<Case> = Vec::new();
        for index in 1..parts.len() {
            let leaf = parts.get(index + 1).is_none_or(|next| next.level <= parts[index].level);
            let tested = examples.map_or(leaf && parts[index].has_file(), |examples| index > examples);
            let name = parts[index].path.clone();
            let part = &mut parts[index];
            if !tested {
                if examples == Some(index) {
                    part.refuse_blocks()?;
                } else {
                    sections
                        .push(Section { heading: part.heading.clone(), text: part.text.trim().to_owned() });
                }
            } else if leaf {
                if let Some(earlier) = cases.iter().find(|case| case.name == name) {
                    return Err(PageError::new(
                        part.line,
                        format!("line {} has the same heading", earlier.line),
                    ));
                }
                cases.push(part.case(name)?);
            } else {
                part.refuse_blocks()?;
            }
        }
        Ok(Self { title, sections, cases })
    }
}

/// A heading and what stands below it, up to the next heading.
struct Part {
    level: usize,
    heading: String,
    /// The headings from the second level down to this one, without `Examples`.
    path: String,
    line: u32,
    /// Everything, blocks included.
    text: String,
    blocks: Vec<Block>,
}

/// A fenced block.
struct Block {
    /// The first word after the fence: `python`, `run`.
    language: String,
    /// The name on the line before it.
    name: Option<String>,
    /// The fence's line.
    line: u32,
    text: String,
}

/// What a block is, by its name and language.
enum Role {
    File(String),
    Verdict,
    Expect,
    Config,
    Fixed(String),
    Report,
    Run,
}

impl Block {
    fn role(&self) -> Result<Role, PageError> {
        let named = || self.name.clone().unwrap_or_else(|| "app.py".to_owned());
        let role = match (self.language.as_str(), &self.name) {
            ("fixed", _) => Role::Fixed(named()),
            (_, Some(name)) => Role::File(name.clone()),
            ("python" | "py", None) => Role::File(named()),
            ("verdict", None) => Role::Verdict,
            ("expect", None) => Role::Expect,
            ("config", None) => Role::Config,
            ("report", None) => Role::Report,
            ("run", None) => Role::Run,
            (language, None) => {
                let message =
                    format!("a `{language}` block needs its file on the line before it: `` `nginx.conf`: ``");
                return Err(PageError::new(self.line, message));
            }
        };
        if let Role::File(path) | Role::Fixed(path) = &role
            && (path.is_empty()
                || path.contains('\\')
                || path.split('/').any(|step| matches!(step, "" | "." | "..")))
        {
            return Err(PageError::new(self.line, format!("`{path}` is not a path inside the project")));
        }
        Ok(role)
    }
}

impl Part {
    fn has_file(&self) -> bool {
        self.blocks
            .iter()
            .any(|block| block.name.is_some() || matches!(block.language.as_str(), "python" | "py" | "run"))
    }

    fn refuse_blocks(&self) -> Result<(), PageError> {
        self.blocks.first().map_or(Ok(()), |block| {
            Err(PageError::new(block.line, "this block belongs to no case: its heading has subheadings"))
        })
    }

    fn case(&mut self, name: String) -> Result<Case, PageError> {
        let mut case = Case { name, line: self.line, ..Case::default() };
        // By path: the text, and for each of its lines the line on the page.
        let mut files: BTreeMap<String, (String, Vec<u32>)> = BTreeMap::new();
        let mut announced = Vec::new();
        for block in self.blocks.drain(..) {
            let line = block.line;
            match block.role()? {
                Role::File(path) => {
                    let (text, lines) = files.entry(path).or_default();
                    lines.extend((1..).zip(block.text.lines()).map(|(below, _)| line + below));
                    text.push_str(&block.text);
                }
                Role::Expect => {
                    for (below, row) in
                        (1..).zip(block.text.lines()).filter(|(_, row)| !row.trim().is_empty())
                    {
                        let rows =
                            expect_row(row).map_err(|message| PageError::new(line + below, message))?;
                        announced.extend(rows.into_iter().map(|expectation| (line + below, expectation)));
                    }
                }
                Role::Verdict => {
                    let read = verdicts(&block.text).map_err(|message| PageError::new(line, message))?;
                    case.verdicts.extend(read);
                }
                Role::Fixed(path) => case.fixed.push((path, block.text)),
                Role::Config => set_once(&mut case.config, block.text, line)?,
                Role::Report => set_once(&mut case.report, block.text, line)?,
                Role::Run => {
                    let run = toml::from_str(&block.text).map_err(|e| PageError::new(line, e.message()))?;
                    set_once(&mut case.run, run, line)?;
                }
            }
        }
        if files.is_empty() {
            return Err(PageError::new(self.line, "a case without a file"));
        }
        for (path, (text, lines)) in &files {
            case.expectations.extend(expectations(path, text, lines)?);
        }
        for (line, expectation) in announced {
            let known =
                |(_, lines): &(String, Vec<u32>)| (1..=lines.len()).contains(&(expectation.line as usize));
            if !expectation.path.is_empty() && !files.get(&expectation.path).is_some_and(known) {
                let message = format!("{} has no line {}", expectation.path, expectation.line);
                return Err(PageError::new(line, message));
            }
            case.expectations.push(expectation);
        }
        case.files = files.into_iter().map(|(path, (text, _))| (path, text)).collect();
        Ok(case)
    }
}

fn set_once<T>(slot: &mut Option<T>, value: T, line: u32) -> Result<(), PageError> {
    if slot.replace(value).is_some() {
        return Err(PageError::new(line, "a case has one block of this kind"));
    }
    Ok(())
}

/// Cuts a page into its headings and blocks.
fn outline(text: &str) -> Result<Vec<Part>, PageError> {
    let mut parts: Vec<Part> = Vec::new();
    let mut above: Vec<(usize, String)> = Vec::new();
    let mut fence = None;
    let mut name = None;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let was_inside = fence.is_some();
        if !in_fence(&mut fence, line)
            && let Some((level, heading)) = heading(line)
        {
            above.retain(|(higher, _)| *higher < level);
            above.push((level, heading.to_owned()));
            let named =
                above.iter().filter(|(level, heading)| *level > 1 && (*level > 2 || heading != "Examples"));
            let path = named.map(|(_, heading)| heading.as_str()).collect::<Vec<_>>().join(" / ");
            let heading = heading.to_owned();
            parts.push(Part { level, heading, path, line: number, text: String::new(), blocks: Vec::new() });
            name = None;
            continue;
        }
        let Some(part) = parts.last_mut() else {
            if line.trim().is_empty() {
                continue;
            }
            return Err(PageError::new(
                number,
                "a page begins with its title: `# FS301 hardcoded-secret-key`",
            ));
        };
        part.text.push_str(line);
        match (was_inside, fence.is_some()) {
            (false, true) => {
                let info = line.trim().trim_start_matches(['`', '~']);
                let language = info.split_whitespace().next().unwrap_or("").to_owned();
                part.blocks.push(Block { language, name: name.take(), line: number, text: String::new() });
            }
            (true, true) => {
                if let Some(block) = part.blocks.last_mut() {
                    block.text.push_str(line);
                }
            }
            (true, false) => {}
            (false, false) if line.trim().is_empty() => {}
            (false, false) => name = block_name(line),
        }
    }
    if fence.is_some() {
        let line = parts.last().and_then(|part| part.blocks.last()).map_or(1, |block| block.line);
        return Err(PageError::new(line, "this block is never closed"));
    }
    Ok(parts)
}

/// Keeps track of fenced blocks: whether this line belongs to one, fences included.
fn in_fence(fence: &mut Option<(char, usize)>, line: &str) -> bool {
    let line = line.trim_end();
    let sign = line.chars().next().filter(|c| matches!(c, '`' | '~'));
    let length = sign.map_or(0, |sign| line.chars().take_while(|&c| c == sign).count());
    match *fence {
        Some((open, opened)) => {
            if sign == Some(open) && length >= opened && line.chars().count() == length {
                *fence = None;
            }
            true
        }
        None if length >= 3 => {
            *fence = sign.map(|sign| (sign, length));
            true
        }
        None => false,
    }
}

fn heading(line: &str) -> Option<(usize, &str)> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    (1..=6).contains(&level).then_some(())?;
    text.starts_with(' ').then(|| (level, text.trim()))
}

/// `` `config.py`: `` alone on its line.
fn block_name(line: &str) -> Option<String> {
    let name = line.trim().strip_prefix('`')?.strip_suffix("`:")?;
    (!name.contains('`')).then(|| name.to_owned())
}

fn title(heading: &str) -> Title {
    match heading.split_once(' ').map(|(id, name)| (id.parse(), name)) {
        Some((Ok(id), name)) => Title { id: Some(id), name: name.trim().to_owned() },
        _ => Title { id: None, name: heading.to_owned() },
    }
}

/// The words that gates and controls use.
const VERDICTS: [&str; 7] = ["pass", "fail", "not-verified", "not-applicable", "met", "violated", "unknown"];

fn verdicts(text: &str) -> Result<BTreeMap<Subject, String>, String> {
    let table: BTreeMap<String, String> = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    table
        .into_iter()
        .map(|(subject, verdict)| {
            if !VERDICTS.contains(&verdict.as_str()) {
                return Err(format!("`{verdict}` is no verdict; the words are {}", VERDICTS.join(", ")));
            }
            Ok((subject.parse()?, verdict))
        })
        .collect()
}

/// `config.json:3 finding: FS301 "literal"`; with columns `config.json:3:5-12`; `-` for what has no place.
fn expect_row(row: &str) -> Result<Vec<Expectation>, String> {
    let (place, rest) = row.trim().split_once(' ').ok_or("a row is `path:line finding: FS301`")?;
    if place == "-" {
        return expectation::parse(rest, "", 0, &[]);
    }
    let mut steps = place.split(':');
    let path = steps.next().unwrap_or("");
    let number =
        |text: &str| text.parse::<u32>().map_err(|_| format!("`{text}` in `{place}` is not a number"));
    let line = number(steps.next().ok_or_else(|| format!("`{place}` names no line"))?)?;
    let columns = match steps.next().map(|columns| columns.split_once('-').ok_or(columns)) {
        None => None,
        Some(Ok((start, end))) => Some((number(start)?, number(end)?)),
        Some(Err(columns)) => return Err(format!("columns are `start-end`, not `{columns}`")),
    };
    let mut rows = expectation::parse(rest, path, line, &[])?;
    for expectation in &mut rows {
        expectation.columns = columns;
    }
    Ok(rows)
}

/// The expectations in a file's own comments. `lines` are the page's lines of the file's lines.
fn expectations(path: &str, text: &str, lines: &[u32]) -> Result<Vec<Expectation>, PageError> {
    let delimiters = comment::delimiters(path);
    let openers: Vec<&str> = delimiters.iter().map(|(open, _)| *open).collect();
    let mut found: Vec<Expectation> = Vec::new();
    // Alone on their lines, waiting for the line that they speak of.
    let mut waiting: Vec<Expectation> = Vec::new();
    let mut marked = 0;
    for ((number, line), &page_line) in (1..).zip(text.lines()).zip(lines) {
        let fail = |message: String| PageError::new(page_line, message);
        if let Some(columns) = comment::carets(line, delimiters) {
            let columns = columns.map_err(|message| fail(message.to_owned()))?;
            let target = found.iter_mut().find(|e| e.line == marked && e.columns.is_none());
            target.ok_or_else(|| fail("carets below a line without an expectation".to_owned()))?.columns =
                Some(columns);
            continue;
        }
        match comment::find(line, delimiters, expectation::is_meant) {
            Some((before, inside)) => {
                let mut parsed = expectation::parse(inside, path, number, &openers).map_err(fail)?;
                if before.trim().is_empty() {
                    waiting.append(&mut parsed);
                    continue;
                }
                found.append(&mut parsed);
            }
            None if line.trim().is_empty() => continue,
            None => {}
        }
        found.extend(waiting.drain(..).map(|expectation| Expectation { line: number, ..expectation }));
        marked = number;
    }
    if waiting.is_empty() {
        return Ok(found);
    }
    let last = lines.last().copied().unwrap_or(1);
    Err(PageError::new(last, format!("an expectation at the end of {path} speaks of no line")))
}

#[cfg(test)]
mod tests {
    use flaskseal_core::{Confidence, Severity};

    use super::*;
    use crate::Kind;

    const PAGE: &str = r#"# FS301 hardcoded-secret-key

## What it checks
`SECRET_KEY` can be read.

```python
## not a heading
```
## How to fix it
Read it from outside.

## Examples

### In a class

`config.py`:

```python
class Base:
    SECRET_KEY = "s3cr3t"  # finding: FS301 critical certain "literal"
    #            ^^^^^^^^
```

And then it is loaded.

```python
from flask import Flask
app = Flask(__name__)
```

by name:

```python
app.config.from_object("config.Base")  # trail: FS301
```

```verdict
FS301 = "fail"
session = "fail"
```

```run
entry = 'gunicorn "app:app"'
complete = true
[env]
DEBUG = "1"
```

```expect
- gap: C3.2 "strength"
config.py:1:1-6 support: FS302
```

### In a unit

`deploy/app.service`:

```ini
[Service]
# finding: FS301
Environment=SECRET_KEY=dev
#           ^^^^^^^^^^
```
"#;

    #[test]
    fn reads_a_page() {
        let page = Page::parse(PAGE).unwrap();
        assert_eq!(page.title, Title { id: Some(RuleId::new(301)), name: "hardcoded-secret-key".into() });
        assert_eq!(page.sections.len(), 2);
        assert_eq!(page.sections[1].text, "Read it from outside.");
        assert_eq!(
            page.cases.iter().map(|case| case.name.as_str()).collect::<Vec<_>>(),
            ["In a class", "In a unit"]
        );

        let case = &page.cases[0];
        assert_eq!(
            case.files.iter().map(|file| file.0.as_str()).collect::<Vec<_>>(),
            ["app.py", "config.py"]
        );
        assert_eq!(case.files[0].1.lines().count(), 3);
        assert!(case.files[1].1.contains("# finding"), "the comment stays");
        let run = case.run.as_ref().unwrap();
        assert_eq!(run.entry.as_deref(), Some("gunicorn \"app:app\""));
        assert!(run.complete && run.env["DEBUG"] == "1");
        assert_eq!(case.verdicts.len(), 2);

        let trail = &case.expectations[0];
        assert_eq!((trail.kind, trail.path.as_str(), trail.line), (Kind::Trail, "app.py", 3));
        let finding = &case.expectations[1];
        assert_eq!((finding.line, finding.columns), (2, Some((18, 26))));
        assert_eq!(
            (finding.severity, finding.confidence),
            (Some(Severity::Critical), Some(Confidence::Certain))
        );
        assert_eq!(case.expectations[2].line, 0);
        assert_eq!(case.expectations[3].columns, Some((1, 6)));

        let unit = &page.cases[1].expectations[0];
        assert_eq!((unit.line, unit.columns), (3, Some((13, 23))));
        assert_eq!(case.tree().find("config.py").map(|id| id.0), Some(1));
    }

    #[test]
    fn prose_ends_where_the_examples_begin() {
        let prose = prose(PAGE);
        assert!(
            prose.starts_with("## What it checks") && prose.ends_with("Read it from outside."),
            "{prose}"
        );
        assert_eq!(super::prose("# Title\ntext\n"), "text");
        assert_eq!(super::prose(""), "");
    }

    #[test]
    fn a_topic_page_nests_headings_and_has_prose_between() {
        let text =
            "# Writes\n\n## Dictionaries\nWhy.\n\n### Pairs\n```py\nx = 1\n```\n\n## Notes\nNothing.\n";
        let page = Page::parse(text).unwrap();
        assert_eq!(page.title.id, None);
        assert_eq!(page.cases.len(), 1);
        assert_eq!(page.cases[0].name, "Dictionaries / Pairs");
        assert_eq!(page.sections.len(), 2);
    }

    #[test]
    fn malformed_pages_say_where() {
        let case = |body: &str| format!("# FS301 x\n## Examples\n### A\n{body}");
        let python = |body: &str| case(&format!("```python\n{body}\n```\n"));
        for (text, line, part) in [
            ("text\n".to_owned(), 1, "title"),
            ("# FS301 x\n".to_owned(), 1, "Examples"),
            (case("nothing\n"), 3, "without a file"),
            (case("```python\nx\n"), 4, "never closed"),
            (case("```nginx\nx\n```\n"), 4, "needs its file"),
            (case("`../x`:\n```\nx\n```\n"), 5, "not a path"),
            (case("`/x`:\n```\nx\n```\n"), 5, "not a path"),
            (python("x = 1  # fnding: FS301"), 5, "`fnding`"),
            (python("x = 1  # finding: FS031"), 5, "FS031"),
            (python("x = 1  # finding: FS301 hihg"), 5, "hihg"),
            (python("x = 1\n# ^^"), 6, "carets"),
            (python("x = 1\n# finding: FS301"), 6, "no line"),
            (case("```python\nx\n```\n```verdict\nFS301 = \"passed\"\n```\n"), 7, "passed"),
            (case("```python\nx\n```\n```run\nentri = \"\"\n```\n"), 7, "entri"),
            (case("```python\nx\n```\n```expect\napp.py:9 finding: FS301\n```\n"), 8, "no line 9"),
            (case("```python\nx\n```\n### A\n```python\nx\n```\n"), 7, "same heading"),
            (case("```python\nx\n```\n#### B\n```python\nx\n```\n"), 4, "no case"),
        ] {
            let error = Page::parse(&text).unwrap_err();
            assert_eq!(error.line, line, "{text}\n{error}");
            assert!(error.message.contains(part), "{text}\n{error}");
        }
    }

    #[test]
    fn ordinary_comments_are_left_alone() {
        let text = "# T\n## A\n```python\n# missing values become None\nx = '#'  # see FS301\n```\n";
        assert!(Page::parse(text).unwrap().cases[0].expectations.is_empty());
    }
}
