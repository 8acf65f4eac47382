//! Findings that somebody silenced: in a comment beside the code, or in the configuration.
//!
//! ```text
//! app.run(debug=True)  # flaskseal: ignore[FS101,FS106] the demo runs on this laptop alone until=2027-03-31
//! ```
//!
//! A comment behind code speaks for its line; a comment alone on its line speaks for the next line that is not one.
//! An advisory is silenced by any of its ids, `ignore[CVE-2023-30861]`, and the others on the same package stay.
//!
//! The word must open the comment. A suppression silences only with a reason and until its last day; one that gives
//! no reason, has expired, names no rule of ours or silences nothing is reported.

use std::collections::BTreeSet;

use flaskseal_core::{
    FileId, Finding, Flaw, LedgerEntry, LedgerKind, RuleId, RuleMeta, SourceFile, Span, TextRange, Tree,
};
use globset::{GlobBuilder, GlobMatcher};
use memchr::memmem;

use crate::{Date, Ignore, Policy};

const WORD: &str = "flaskseal:";
/// The rule whose findings name advisories.
const VULNERABLE_DEPENDENCY: RuleId = RuleId::new(601);

/// Every suppression of the tree and the configuration, with what it silenced so far.
pub(crate) struct Suppressions {
    /// Those in comments first.
    all: Vec<Suppression>,
    complaints: Vec<LedgerEntry>,
    /// Advisories were looked up: only then is an id that silences nothing one too many.
    audits: bool,
}

/// One thing that is silenced in one place.
struct Suppression {
    what: What,
    place: Place,
    reason: String,
    used: bool,
}

/// What can be silenced.
#[derive(PartialEq, Eq)]
enum What {
    Rule(RuleId),
    /// Any id of an advisory.
    Advisory(String),
}

enum Place {
    /// A comment speaks for a line, counted from 1.
    Line {
        file: FileId,
        line: u32,
        name: String,
        span: Span,
    },
    Paths {
        paths: GlobMatcher,
        ignore: Ignore,
    },
}

/// Who silenced a finding, and why.
pub(crate) struct Silence {
    pub(crate) reason: String,
    pub(crate) by: String,
    pub(crate) span: Option<Span>,
}

/// Whether a text is an id of an advisory by the look of it: those of the databases that speak of Python packages
/// (ossf.github.io/osv-schema, "id").
pub fn is_advisory_id(text: &str) -> bool {
    let Some((database, number)) = text.split_once('-') else { return false };
    ["CVE", "GHSA", "PYSEC", "OSV"].iter().any(|known| known.eq_ignore_ascii_case(database))
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

impl What {
    fn is_flaw(&self, flaw: &Flaw) -> bool {
        match self {
            Self::Rule(_) => false,
            Self::Advisory(id) => flaw.names.iter().any(|name| name.eq_ignore_ascii_case(id)),
        }
    }
}

impl Suppression {
    fn speaks_for(&self, tree: &Tree, finding: &Finding) -> bool {
        let span = finding.primary.span;
        let found = span.and_then(|span| tree.get(span.file));
        match &self.place {
            Place::Line { file, line, .. } => span.zip(found).is_some_and(|(span, found)| {
                let first = found.lines().line(span.range.start);
                let last = found.lines().line(span.range.end.saturating_sub(1).max(span.range.start));
                span.file == *file && (first..=last).contains(line)
            }),
            Place::Paths { paths, .. } => paths.is_match(found.map_or("", |file| &*file.path)),
        }
    }

    fn silence(&self) -> Silence {
        let (by, span) = match &self.place {
            Place::Line { span, .. } => ("comment".to_owned(), Some(*span)),
            Place::Paths { ignore, .. } => (ignore.origin.clone(), None),
        };
        Silence { reason: self.reason.clone(), by, span }
    }
}

impl Suppressions {
    pub(crate) fn read(
        tree: &Tree,
        rules: &[&'static RuleMeta],
        policy: &Policy,
        today: Date,
        comment_ranges: &dyn Fn(FileId) -> Option<Vec<TextRange>>,
    ) -> Self {
        let audits = rules.iter().any(|rule| rule.id == VULNERABLE_DEPENDENCY);
        let mut all = Self { all: Vec::new(), complaints: Vec::new(), audits };
        let mut dishonoured = 0_usize;
        for id in tree.ids() {
            let Some(file) = tree.get(id) else { continue };
            let markers = markers(id, file, comment_ranges);
            if policy.honour_inline {
                for marker in markers {
                    all.add_marker(file, &marker, rules, today);
                }
            } else {
                dishonoured += markers.len();
            }
        }
        if dishonoured > 0 {
            all.complaints.push(LedgerEntry {
                kind: LedgerKind::Suppression,
                path: String::new(),
                span: None,
                message: format!("suppression comments in the tree are not honoured: {dishonoured} found"),
            });
        }
        for ignore in &policy.ignores {
            all.add_configured(ignore, rules, today);
        }
        all
    }

    /// The finding, taken apart by who silences which of its flaws; whole where nobody silences any.
    pub(crate) fn divided(&self, tree: &Tree, finding: &Finding) -> Vec<Finding> {
        let by = |flaw: &Flaw| {
            let silences = |one: &Suppression| one.what.is_flaw(flaw) && one.speaks_for(tree, finding);
            self.all.iter().position(silences)
        };
        let groups: BTreeSet<Option<usize>> = finding.flaws.list.iter().map(by).collect();
        if groups.len() < 2 {
            return vec![finding.clone()];
        }
        groups.iter().filter_map(|group| finding.with_flaws_that(&|flaw| by(flaw) == *group)).collect()
    }

    /// Whoever silences this finding, and marks all who do as used: the rule's, or somebody for each of its flaws.
    pub(crate) fn silence(&mut self, tree: &Tree, finding: &Finding) -> Option<Silence> {
        let flaws = &finding.flaws.list;
        let mut whole = None;
        let mut silenced = vec![None; flaws.len()];
        for (index, one) in self.all.iter_mut().enumerate() {
            let is_rule = one.what == What::Rule(finding.rule);
            if !(is_rule || flaws.iter().any(|flaw| one.what.is_flaw(flaw))) || !one.speaks_for(tree, finding)
            {
                continue;
            }
            one.used = true;
            if is_rule {
                whole.get_or_insert(index);
            }
            for (flaw, by) in flaws.iter().zip(&mut silenced) {
                if one.what.is_flaw(flaw) {
                    by.get_or_insert(index);
                }
            }
        }
        let by_flaws = || silenced.iter().copied().collect::<Option<Vec<usize>>>()?.first().copied();
        whole.or_else(by_flaws).map(|index| self.all[index].silence())
    }

    /// What is wrong with the suppressions themselves, once every finding has been asked for.
    pub(crate) fn into_complaints(self) -> Vec<LedgerEntry> {
        let mut complaints = self.complaints;
        let audits = self.audits;
        let may_be_used = |one: &Suppression| matches!(one.what, What::Rule(_)) || audits;
        for one in self.all.into_iter().filter(|one| !one.used && may_be_used(one)) {
            complaints.push(match one.place {
                Place::Line { name, span, .. } => {
                    complaint(span, format!("`ignore[{name}]` silences nothing: remove it"))
                }
                Place::Paths { ignore: Ignore { what, path_glob, origin, .. }, .. } => LedgerEntry {
                    kind: LedgerKind::Suppression,
                    path: origin,
                    span: None,
                    message: format!("the ignore of {what} in `{path_glob}` silences nothing: remove it"),
                },
            });
        }
        complaints
    }

    fn add_marker(&mut self, file: &SourceFile, marker: &Marker, rules: &[&'static RuleMeta], today: Date) {
        let names = marker.rules.split(',').map(str::trim).filter(|name| !name.is_empty());
        let (reason, until) = match split_until(&marker.tail) {
            Ok(parts) => parts,
            Err(text) => {
                let message = format!("`until={text}` is not a date written YYYY-MM-DD: nothing is silenced");
                self.complaints.push(complaint(marker.span, message));
                return;
            }
        };
        let mut named = 0;
        for name in names {
            named += 1;
            let Some(what) = resolve(name, rules) else {
                self.complaints
                    .push(complaint(marker.span, format!("`{name}` is none of the rules that ran")));
                continue;
            };
            if reason.is_empty() {
                let message = format!("`ignore[{name}]` gives no reason: nothing is silenced");
                self.complaints.push(complaint(marker.span, message));
            } else if let Some(until) = until.filter(|&until| until < today) {
                let message = format!("`ignore[{name}]` expired on {until}: nothing is silenced");
                self.complaints.push(complaint(marker.span, message));
            } else {
                let place = Place::Line {
                    file: marker.span.file,
                    line: target_line(file, marker),
                    name: name.to_owned(),
                    span: marker.span,
                };
                self.all.push(Suppression { what, place, reason: reason.clone(), used: false });
            }
        }
        if named == 0 {
            self.complaints
                .push(complaint(marker.span, "`ignore[]` names no rule: nothing is silenced".to_owned()));
        }
    }

    fn add_configured(&mut self, ignore: &Ignore, rules: &[&'static RuleMeta], today: Date) {
        let which = format!("the ignore of {} in `{}`", ignore.what, ignore.path_glob);
        let glob = GlobBuilder::new(&ignore.path_glob).literal_separator(true).build();
        let problem = match (resolve(ignore.what.trim(), rules), glob) {
            (None, _) => format!("`{}` is none of the rules that ran", ignore.what),
            (_, Err(error)) => format!("`{}` is not a path pattern: {}", ignore.path_glob, error.kind()),
            _ if ignore.reason.trim().is_empty() => format!("{which} gives no reason: nothing is silenced"),
            (Some(what), Ok(glob)) => {
                let Some(until) = ignore.until.filter(|&until| until < today) else {
                    let paths = glob.compile_matcher();
                    let reason = ignore.reason.trim().to_owned();
                    let place = Place::Paths { paths, ignore: ignore.clone() };
                    self.all.push(Suppression { what, place, reason, used: false });
                    return;
                };
                format!("{which} expired on {until}: nothing is silenced")
            }
        };
        self.complaints.push(LedgerEntry {
            kind: LedgerKind::Suppression,
            path: ignore.origin.clone(),
            span: None,
            message: problem,
        });
    }
}

fn complaint(span: Span, message: String) -> LedgerEntry {
    LedgerEntry { kind: LedgerKind::Suppression, path: String::new(), span: Some(span), message }
}

fn resolve(name: &str, rules: &[&'static RuleMeta]) -> Option<What> {
    if is_advisory_id(name) {
        return Some(What::Advisory(name.to_owned()));
    }
    let id = name.parse::<RuleId>().ok();
    rules.iter().find(|rule| Some(rule.id) == id || rule.name == name).map(|rule| What::Rule(rule.id))
}

/// Takes `until=…` out of the words after the bracket. The error is the text that should have been a date.
fn split_until(tail: &str) -> Result<(String, Option<Date>), String> {
    let mut until = None;
    let mut words = Vec::new();
    for word in tail.split_whitespace() {
        match word.strip_prefix("until=") {
            Some(date) => until = Some(date.parse::<Date>().map_err(|_| date.to_owned())?),
            None => words.push(word),
        }
    }
    let reason = words.join(" ");
    // `-- because`, `: because`: the dash is no reason.
    let reason = reason.trim_start_matches(['-', ':', '—', ' ']).trim().to_owned();
    Ok((reason, until))
}

/// A suppression comment as it stands in a file.
struct Marker {
    span: Span,
    /// Between the brackets.
    rules: String,
    /// After the brackets, to the end of the comment.
    tail: String,
    line: u32,
    /// Nothing but the comment stands on its line.
    alone: bool,
}

fn markers(
    id: FileId,
    file: &SourceFile,
    comment_ranges: &dyn Fn(FileId) -> Option<Vec<TextRange>>,
) -> Vec<Marker> {
    let syntax = Syntax::of(file);
    let mut found = Vec::new();
    if syntax.openers.is_empty() {
        return found;
    }
    // Known comments of a parsed file: what stands in a string is no comment. Asked for only when needed.
    let mut comments = None;
    let mut last_line = 0;
    for offset in memmem::find_iter(file.text.as_bytes(), WORD) {
        let offset = offset as u32;
        let line = file.lines().line(offset);
        if line == last_line {
            continue; // One suppression a line; further words of the line belong to its reason.
        }
        let line_range = file.lines().line_range(&file.text, line);
        let before = file.slice(TextRange::new(line_range.start, offset));
        let Some(opener) = syntax.opener(before) else { continue };
        let after = file.slice(TextRange::new(offset + WORD.len() as u32, line_range.end));
        let Some(rest) = after.trim_start().strip_prefix("ignore").map(str::trim_start) else { continue };
        let Some((rules, tail)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) else {
            continue;
        };
        let known = comments.get_or_insert_with(|| if syntax.parsed { comment_ranges(id) } else { None });
        if known.as_ref().is_some_and(|known| !known.iter().any(|comment| comment.contains(offset))) {
            continue;
        }
        last_line = line;
        let code_before = before.get(..before.len() - opener.len).unwrap_or("");
        let (tail, code_after) = match opener.closer.and_then(|closer| tail.split_once(closer)) {
            Some((tail, behind)) => (tail.trim_end_matches('-'), behind),
            None => (tail, ""),
        };
        let start = line_range.start + code_before.len() as u32;
        found.push(Marker {
            span: Span::new(id, start, line_range.end),
            rules: rules.to_owned(),
            tail: tail.to_owned(),
            line,
            alone: code_before.trim().is_empty() && code_after.trim().is_empty(),
        });
    }
    found
}

/// The line that a marker speaks for.
fn target_line(file: &SourceFile, marker: &Marker) -> u32 {
    if !marker.alone {
        return marker.line;
    }
    let syntax = Syntax::of(file);
    let lines = file.lines();
    (marker.line + 1..=lines.line_count())
        .find(|&line| {
            let text = file.slice(lines.line_range(&file.text, line)).trim();
            !text.is_empty() && !syntax.openers.iter().any(|(opener, _)| text.starts_with(opener))
        })
        .unwrap_or(marker.line)
}

/// How comments open and close in a kind of file.
struct Syntax {
    openers: &'static [(&'static str, Option<&'static str>)],
    /// Parsed by us, so that its comments are known exactly.
    parsed: bool,
}

struct Opener {
    /// Bytes of the opener and the white space behind it.
    len: usize,
    closer: Option<&'static str>,
}

impl Syntax {
    fn of(file: &SourceFile) -> Self {
        const HASH: &[(&str, Option<&str>)] = &[("#", None)];
        const MARKUP: &[(&str, Option<&str>)] = &[
            ("{#-", Some("#}")),
            ("{#", Some("#}")),
            ("<!--", Some("-->")),
            ("/*", Some("*/")),
            ("//", None),
        ];
        const SLASHES: &[(&str, Option<&str>)] = &[("/*", Some("*/")), ("//", None)];
        const SQL: &[(&str, Option<&str>)] = &[("--", None), ("/*", Some("*/"))];
        const ANY: &[(&str, Option<&str>)] = &[
            ("{#-", Some("#}")),
            ("{#", Some("#}")),
            ("<!--", Some("-->")),
            ("/*", Some("*/")),
            ("#", None),
            ("//", None),
            ("--", None),
            (";", None),
        ];
        let extension =
            file.name().rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
        let openers = match &*extension {
            "py" | "pyi" | "pyw" => HASH,
            "html" | "htm" | "xhtml" | "xml" | "svg" | "jinja" | "jinja2" | "j2" => MARKUP,
            "js" | "mjs" | "ts" | "jsx" | "tsx" | "css" | "scss" | "jsonc" => SLASHES,
            "sql" => SQL,
            // Prose explains the syntax more often than it uses it.
            "md" | "rst" | "adoc" | "json" | "lock" => &[],
            _ => ANY,
        };
        Self { openers, parsed: matches!(&*extension, "py" | "pyi" | "pyw") }
    }

    /// The comment opener at the end of this text.
    fn opener(&self, before: &str) -> Option<Opener> {
        let trimmed = before.trim_end();
        let (opener, closer) = self.openers.iter().find(|(opener, _)| trimmed.ends_with(opener))?;
        // `##` opens one comment, and `url#word` none.
        let first = opener.chars().next()?;
        let code = trimmed.get(..trimmed.len() - opener.len())?.trim_end_matches(first);
        if code.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '"' | '\'' | '`' | ':')) {
            return None;
        }
        Some(Opener { len: before.len() - code.len(), closer: *closer })
    }
}

#[cfg(test)]
mod tests {
    use flaskseal_core::{Confidence, ControlId, Evidence, FixAvailability, Item, Layer, Severity};

    use super::*;

    static KEY: RuleMeta = RuleMeta {
        id: RuleId::new(301),
        name: "hardcoded-secret-key",
        summary: "",
        severity: Severity::High,
        confidence: Confidence::Certain,
        controls: &[ControlId::new(Item::Session, 1)],
        layers: &[Layer::Source],
        cwe: &[798],
        owasp: None,
        asvs: &[],
        fix: FixAvailability::None,
        page: "",
    };

    /// Whether FS301 at `needle` is silenced with which reason, and the complaints.
    fn run(path: &str, text: &str, needle: &str) -> (Option<String>, Vec<String>) {
        run_with(path, text, needle, &Policy::default(), &|_| None)
    }

    static VULNERABLE: RuleMeta = RuleMeta { id: RuleId::new(601), name: "vulnerable-dependency", ..KEY };

    fn run_with(
        path: &str,
        text: &str,
        needle: &str,
        policy: &Policy,
        comments: &dyn Fn(FileId) -> Option<Vec<TextRange>>,
    ) -> (Option<String>, Vec<String>) {
        let tree = Tree::from_texts([(path.to_owned(), text.to_owned())]);
        let start = text.find(needle).unwrap() as u32;
        let span = Span::new(FileId(0), start, start + needle.len() as u32);
        let finding = Finding::new(
            KEY.id,
            Severity::High,
            Confidence::Certain,
            Evidence::at(Layer::Source, span, ""),
            "message",
        );
        let today = Date { year: 2026, month: 11, day: 22 };
        let mut all = Suppressions::read(&tree, &[&KEY], policy, today, comments);
        let reason = all.silence(&tree, &finding).map(|silence| silence.reason);
        (reason, all.into_complaints().into_iter().map(|entry| entry.message).collect())
    }

    fn silenced(path: &str, text: &str) -> bool {
        let (reason, complaints) = run(path, text, "KEY");
        assert_eq!(reason.is_some(), complaints.is_empty(), "{path}: {reason:?} {complaints:?}");
        reason.is_some_and(|reason| reason == "a reason")
    }

    #[test]
    fn every_comment_syntax_is_read() {
        for (path, text) in [
            ("a.py", "KEY = 1  # flaskseal: ignore[FS301] a reason\n"),
            ("a.py", "KEY = 1  # flaskseal: ignore[hardcoded-secret-key] a reason until=2026-11-22\n"),
            (
                "a.py",
                "KEY = 1  # flaskseal:ignore[FS101, fs301]  -- a   reason".replace("FS101, ", "").as_str(),
            ),
            ("a.py", "KEY = 1  # noqa: S105  # flaskseal: ignore[FS301] a reason\n"),
            ("a.py", "# flaskseal: ignore[FS301] a reason\n\n# more\nKEY = 1\n"),
            ("a.py", "f(  # why\n  KEY,  # flaskseal: ignore[FS301] a reason\n)\n"),
            ("a.html", "{# flaskseal: ignore[FS301] a reason #}\n<p>{{ KEY }}</p>\n"),
            ("a.html", "{#- flaskseal: ignore[FS301] a reason -#}{{ KEY }}\n"),
            ("a.html", "<p>KEY</p> <!-- flaskseal: ignore[FS301] a reason -->\n"),
            ("a.js", "let KEY; // flaskseal: ignore[FS301] a reason\n"),
            ("a.css", "KEY /* flaskseal: ignore[FS301] a reason */\n"),
            ("a.sql", "select KEY -- flaskseal: ignore[FS301] a reason\n"),
            ("a.ini", "; flaskseal: ignore[FS301] a reason\nKEY = 1\n"),
            ("nginx.conf", "KEY on;# flaskseal: ignore[FS301] a reason\n"),
            (".env", "# flaskseal: ignore[FS301] a reason\r\nKEY=1\r\n"),
            ("Dockerfile", "# flaskseal: ignore[FS301] a reason\nENV KEY=1\n"),
        ] {
            assert!(silenced(path, text), "{path}: {text}");
        }
    }

    #[test]
    fn near_misses_silence_nothing() {
        for (path, text, complaint) in [
            ("a.py", "KEY = 1  # flaskseal: ignore[FS301]\n", "gives no reason"),
            ("a.py", "KEY = 1  # flaskseal: ignore[FS301] --\n", "gives no reason"),
            ("a.py", "KEY = 1  # flaskseal: ignore[FS301] why until=2026-11-21\n", "expired on 2026-11-21"),
            ("a.py", "KEY = 1  # flaskseal: ignore[FS301] why until=soon\n", "not a date"),
            ("a.py", "KEY = 1  # flaskseal: ignore[FS999] why\n", "none of the rules"),
            ("a.py", "KEY = 1  # flaskseal: ignore[] why\n", "names no rule"),
            ("a.py", "KEY = 1\nx = 2  # flaskseal: ignore[FS301] why\n", "silences nothing"),
            ("a.py", "KEY = 1\n# flaskseal: ignore[FS301] why\nx = 2\n", "silences nothing"),
            ("a.py", "# flaskseal: ignore[FS301] why\nx = 2\nKEY = 1\n", "silences nothing"),
        ] {
            let (reason, complaints) = run(path, text, "KEY");
            assert_eq!(reason, None, "{text}");
            assert!(complaints.len() == 1 && complaints[0].contains(complaint), "{text}: {complaints:?}");
        }
        for (path, text) in [
            ("a.py", "KEY = 1  # flaskseal: ignore FS301 why\n"),
            ("a.py", "KEY = 1  # see flaskseal: ignore[FS301] why\n"),
            (".env", "KEY=abc#flaskseal: ignore[FS301] why\n"),
            ("a.html", "KEY # flaskseal: ignore[FS301] why\n"),
            ("README.md", "KEY # flaskseal: ignore[FS301] why\n"),
            // The rules that would know of it did not run.
            ("a.py", "KEY = 1  # flaskseal: ignore[CVE-2023-1] why\n"),
        ] {
            assert_eq!(run(path, text, "KEY"), (None, vec![]), "{path}: {text}");
        }
    }

    #[test]
    fn a_string_that_looks_like_a_comment_is_none() {
        let text = "KEY = ' # flaskseal: ignore[FS301] why'\n";
        let (reason, complaints) = run_with("a.py", text, "KEY", &Policy::default(), &|_| Some(Vec::new()));
        assert_eq!((reason, complaints), (None, vec![]));
    }

    #[test]
    fn configuration_silences_paths_for_a_reason() {
        let ignore = Ignore {
            what: "FS301".to_owned(),
            path_glob: "legacy/**".to_owned(),
            reason: "rewritten in spring".to_owned(),
            until: None,
            origin: "pyproject.toml".to_owned(),
        };
        let with = |ignore: &Ignore, path: &str| {
            let policy = Policy { ignores: vec![ignore.clone()], ..Policy::default() };
            run_with(path, "KEY = 1\n", "KEY", &policy, &|_| None)
        };
        assert_eq!(with(&ignore, "legacy/a/b.py"), (Some("rewritten in spring".to_owned()), vec![]));
        assert!(with(&ignore, "app.py").1[0].contains("silences nothing"));
        for (broken, complaint) in [
            (Ignore { reason: " ".to_owned(), ..ignore.clone() }, "no reason"),
            (Ignore { until: Date::new(2026, 1, 1), ..ignore.clone() }, "expired"),
            (Ignore { what: "FS3".to_owned(), ..ignore.clone() }, "none of the rules"),
            (Ignore { path_glob: "a[".to_owned(), ..ignore }, "not a path pattern"),
        ] {
            let (reason, complaints) = with(&broken, "legacy/a.py");
            assert_eq!(reason, None);
            assert!(complaints[0].contains(complaint), "{complaints:?}");
        }
    }

    #[test]
    fn a_policy_can_refuse_comments() {
        let policy = Policy { honour_inline: false, ..Policy::default() };
        let text = "KEY = 1  # flaskseal: ignore[FS301] why\n";
        let (reason, complaints) = run_with("a.py", text, "KEY", &policy, &|_| None);
        assert_eq!(reason, None);
        assert!(complaints[0].contains("not honoured: 1 found"));
    }

    /// A finding of two flaws on line 1, and what is silenced of it.
    fn accepted(text: &str, policy: &Policy) -> (Vec<(String, Option<String>)>, Vec<String>) {
        let tree = Tree::from_texts([("requirements.txt".to_owned(), text.to_owned())]);
        let flaw = |names: &[&str], severity| Flaw {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            severity,
            claim: Evidence::general(Layer::Deps, names[0]),
        };
        let list = vec![
            flaw(&["CVE-2023-1", "GHSA-aaaa-bbbb-cccc"], Severity::High),
            flaw(&["CVE-2024-2"], Severity::Low),
        ];
        let flaws = flaskseal_core::Flaws { thing: "`flask` 2.0.1".to_owned(), list };
        let place = Evidence::at(Layer::Deps, Span::new(FileId(0), 0, 5), "");
        let finding = Finding::of_flaws(VULNERABLE.id, Confidence::Certain, place, flaws);
        let today = Date { year: 2026, month: 11, day: 22 };
        let mut all = Suppressions::read(&tree, &[&VULNERABLE], policy, today, &|_| None);
        let parts = all.divided(&tree, &finding);
        let told = parts.iter().map(|part| {
            let reason = all.silence(&tree, part).map(|silence| silence.reason);
            (format!("{:?} {}", part.severity, part.message), reason)
        });
        let told = told.collect();
        (told, all.into_complaints().into_iter().map(|entry| entry.message).collect())
    }

    #[test]
    fn an_advisory_is_accepted_by_any_of_its_names_and_hides_no_other() {
        let said = |message: &str, reason: Option<&str>| (message.to_owned(), reason.map(str::to_owned));
        let text = "flask==2.0.1  # flaskseal: ignore[ghsa-aaaa-bbbb-cccc] not reachable until=2026-12-31\n";
        let (told, complaints) = accepted(text, &Policy::default());
        assert_eq!(
            told,
            [
                said("Low `flask` 2.0.1 is affected by CVE-2024-2", None),
                said("High `flask` 2.0.1 is affected by CVE-2023-1", Some("not reachable")),
            ],
            "{complaints:?}"
        );
        let both = accepted("flask  # flaskseal: ignore[CVE-2023-1,CVE-2024-2] no\n", &Policy::default());
        let whole = "High `flask` 2.0.1 is affected by 2 advisories, CVE-2023-1 among them";
        assert_eq!(both.0.iter().filter(|(_, reason)| reason.is_some()).count(), both.0.len());
        for (text, complaint) in [
            ("flask  # flaskseal: ignore[CVE-2023-1]\n", "gives no reason"),
            ("flask  # flaskseal: ignore[CVE-2023-1] why until=2026-11-21\n", "expired on 2026-11-21"),
            ("flask  # flaskseal: ignore[CVE-2023-11] why\n", "silences nothing"),
            ("flask\nx  # flaskseal: ignore[CVE-2023-1] why\n", "silences nothing"),
        ] {
            let (told, complaints) = accepted(text, &Policy::default());
            assert_eq!(told, [said(whole, None)], "{text}");
            assert!(complaints.len() == 1 && complaints[0].contains(complaint), "{text}: {complaints:?}");
        }
        let ignore = Ignore {
            what: "CVE-2024-2".to_owned(),
            path_glob: "**".to_owned(),
            reason: "why".to_owned(),
            until: None,
            origin: "pyproject.toml:3".to_owned(),
        };
        let policy = Policy { ignores: vec![ignore], ..Policy::default() };
        let (told, complaints) = accepted("flask\n", &policy);
        assert_eq!(told.iter().filter(|(_, reason)| reason.as_deref() == Some("why")).count(), 1);
        assert!(told.len() == 2 && complaints.is_empty(), "{complaints:?}");
    }
}
