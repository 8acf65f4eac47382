//! Compares what a page announces with what was observed.

use std::fmt::Write as _;

use flaskseal_core::{Confidence, Severity};

use crate::{Case, Expectation, Kind, Subject};

/// Something that the analysis said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observed {
    /// Empty for something that has no place.
    pub path: String,
    /// From 1; 0 for something that has no place.
    pub line: u32,
    /// From 1, counting characters.
    pub column_start: u32,
    /// Exclusive.
    pub column_end: u32,
    /// Finding, trail, support or gap.
    pub kind: Kind,
    pub rule: Subject,
    pub severity: Option<Severity>,
    pub confidence: Option<Confidence>,
    pub message: String,
}

/// Compares a case with what was observed in it. Each finding needs an announcement of its own; one announced
/// trail step, support or gap covers all that are equal in kind, rule and line.
///
/// # Errors
/// A text for people: what was announced and not observed, what was observed and not announced, and what is no
/// longer missing or spurious.
pub fn compare(case: &Case, observed: &[Observed]) -> Result<(), String> {
    let mut announced: Vec<&Expectation> = case.expectations.iter().collect();
    // The strictest choose first, or a loose one could take what only a strict one fits.
    announced.sort_by_key(|expectation| std::cmp::Reverse(expectation.strictness()));

    let mut taken = vec![false; observed.len()];
    let mut rows: Vec<Row> = Vec::new();
    for expectation in announced {
        let fits: Vec<usize> =
            (0..observed.len()).filter(|&at| !taken[at] && fits(expectation, &observed[at])).collect();
        let complaint = match (expectation.kind, fits.first()) {
            (Kind::Missing, Some(&at)) => {
                taken[at] = true;
                "no longer missing: announce it as a finding"
            }
            (Kind::Missing, None) => continue,
            (Kind::Spurious, None) => "no longer spurious: remove the announcement",
            (_, None) => "announced, not observed",
            (Kind::Finding | Kind::Spurious, Some(&at)) => {
                taken[at] = true;
                continue;
            }
            (Kind::Trail | Kind::Support | Kind::Gap, Some(_)) => {
                for at in fits {
                    taken[at] = true;
                }
                continue;
            }
        };
        rows.push(Row::new(&expectation.path, expectation.line, complaint, expectation.to_string()));
    }
    for (seen, _) in observed.iter().zip(&taken).filter(|(_, taken)| !**taken) {
        rows.push(Row::new(&seen.path, seen.line, "observed, not announced", describe(seen)));
    }
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort();
    let mut text = format!("case \"{}\" (line {} of its page):\n", case.name, case.line);
    for row in rows {
        row.write(case, &mut text);
    }
    Err(text)
}

fn fits(expectation: &Expectation, seen: &Observed) -> bool {
    let kind = match expectation.kind {
        Kind::Missing | Kind::Spurious => Kind::Finding,
        kind => kind,
    };
    kind == seen.kind
        && expectation.path == seen.path
        && expectation.line == seen.line
        && expectation.rule == seen.rule
        && expectation.columns.is_none_or(|columns| columns == (seen.column_start, seen.column_end))
        && expectation.severity.is_none_or(|severity| Some(severity) == seen.severity)
        && expectation.confidence.is_none_or(|confidence| Some(confidence) == seen.confidence)
        && expectation.text.as_ref().is_none_or(|text| seen.message.contains(text.as_str()))
}

fn describe(seen: &Observed) -> String {
    let mut text = format!("{} {}", seen.kind.key(), seen.rule);
    let words = [seen.severity.map(Severity::key), seen.confidence.map(Confidence::key)];
    for word in words.into_iter().flatten() {
        text.push(' ');
        text.push_str(word);
    }
    if seen.line > 0 {
        _ = write!(text, " columns {}..{}", seen.column_start, seen.column_end);
    }
    _ = write!(text, " \"{}\"", seen.message);
    text
}

/// One difference; sorted by place, so that what was announced stands beside what was observed instead.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    path: String,
    line: u32,
    complaint: &'static str,
    what: String,
}

impl Row {
    fn new(path: &str, line: u32, complaint: &'static str, what: String) -> Self {
        Self { path: path.to_owned(), line, complaint, what }
    }

    fn write(&self, case: &Case, text: &mut String) {
        let place =
            if self.path.is_empty() { "nowhere".to_owned() } else { format!("{}:{}", self.path, self.line) };
        let file = case.files.iter().find(|(path, _)| *path == self.path);
        let source = file.and_then(|(_, file)| file.lines().nth((self.line as usize).checked_sub(1)?));
        _ = writeln!(text, "  {place}: {}\n      {}", self.complaint, self.what);
        if let Some(source) = source {
            _ = writeln!(text, "    | {source}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Page;

    fn case(line: &str) -> Case {
        let text = format!("# T\n## A\n```python\n{line}\n```\n");
        Page::parse(&text).unwrap().cases.remove(0)
    }

    fn finding(severity: Severity, message: &str) -> Observed {
        Observed {
            path: "app.py".into(),
            line: 1,
            column_start: 5,
            column_end: 8,
            kind: Kind::Finding,
            rule: "FS301".parse().unwrap(),
            severity: Some(severity),
            confidence: Some(Confidence::Firm),
            message: message.into(),
        }
    }

    #[test]
    fn what_is_announced_and_observed_agrees() {
        let seen = finding(Severity::High, "a literal");
        assert_eq!(compare(&case("x = 1  # finding: FS301"), std::slice::from_ref(&seen)), Ok(()));
        assert_eq!(compare(&case("x = 1  # finding: FS301 high firm \"literal\""), &[seen]), Ok(()));
        assert_eq!(compare(&case("x = 1"), &[]), Ok(()));
    }

    #[test]
    fn differences_are_told_with_their_line() {
        let seen = finding(Severity::High, "a literal");
        let told = compare(&case("x = 1  # finding: FS301 low"), std::slice::from_ref(&seen)).unwrap_err();
        assert!(told.contains("app.py:1: announced, not observed\n      finding FS301 low"), "{told}");
        assert!(
            told.contains(
                "observed, not announced\n      finding FS301 high firm columns 5..8 \"a literal\""
            ),
            "{told}"
        );
        assert!(told.contains("    | x = 1"), "{told}");
        assert!(compare(&case("x = 1"), &[seen]).is_err());
        assert!(compare(&case("xyz = 1  # finding: FS301\n#   ^"), &[finding(Severity::Low, "")]).is_err());
    }

    #[test]
    fn known_errors_must_stay_true() {
        let seen = [finding(Severity::High, "a literal")];
        assert_eq!(compare(&case("x = 1  # spurious: FS301"), &seen), Ok(()));
        assert!(compare(&case("x = 1  # spurious: FS301"), &[]).unwrap_err().contains("no longer spurious"));
        assert_eq!(compare(&case("x = 1  # missing: FS301"), &[]), Ok(()));
        assert!(compare(&case("x = 1  # missing: FS301"), &seen).unwrap_err().contains("no longer missing"));
    }

    #[test]
    fn every_finding_needs_its_own_announcement() {
        let seen = [finding(Severity::High, "a"), finding(Severity::Low, "b")];
        assert!(compare(&case("x = 1  # finding: FS301"), &seen).is_err());
        assert_eq!(compare(&case("x = 1  # finding: FS301 # finding: FS301 high"), &seen), Ok(()));
    }

    #[test]
    fn one_announced_step_covers_its_line() {
        let step = Observed { kind: Kind::Trail, ..finding(Severity::High, "a") };
        assert_eq!(compare(&case("x = 1  # trail: FS301"), &[step.clone(), step]), Ok(()));
    }
}
