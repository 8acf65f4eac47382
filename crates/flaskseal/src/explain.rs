//! A rule's page for the terminal: its metadata, then its prose, without the examples that test it.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use flaskseal_core::{CONTROLS, FixAvailability, RuleMeta};

/// The page of a rule, in lines of at most `width` columns where its prose allows.
pub(crate) fn page(rule: &RuleMeta, color: bool, width: usize) -> String {
    let styles = if color { Styles::colored() } else { Styles::default() };
    let mut out = heading(rule, styles);
    let mut in_code = false;
    for line in rule.page.lines().take_while(|line| line.trim_end() != "## Examples") {
        if line.starts_with("```") {
            in_code = !in_code;
        } else if in_code {
            let _ = writeln!(out, "    {}{line}{:#}", styles.code, styles.code);
        } else if let Some(title) = line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")) {
            let _ = writeln!(out, "{}{title}{:#}", styles.title, styles.title);
        } else if !line.starts_with("# ") {
            wrap(&mut out, line, width);
        }
    }
    // The page's own title stood above the metadata; what is left of it are blank lines.
    while out.ends_with("\n\n") {
        out.pop();
    }
    out
}

#[derive(Clone, Copy, Default)]
struct Styles {
    title: Style,
    code: Style,
    label: Style,
}

impl Styles {
    fn colored() -> Self {
        Self { title: Style::new().bold(), code: AnsiColor::Cyan.on_default(), label: Style::new().dimmed() }
    }
}

fn heading(rule: &RuleMeta, styles: Styles) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}{} {}{:#}", styles.title, rule.id, rule.name, styles.title);
    let _ = writeln!(out, "{}\n", rule.summary);
    let mut row = |label: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(out, "  {}{label:<10}{:#}  {value}", styles.label, styles.label);
        }
    };
    let item = rule.id.item();
    row("item", format!("{} {}", item.number(), item.title()));
    for id in rule.controls {
        let title = CONTROLS.iter().find(|control| control.id == *id).map_or("", |control| control.title);
        row("control", format!("{id} {title}"));
    }
    row("severity", format!("{}, as a rule {}", rule.severity.key(), rule.confidence.key()));
    row("looks at", rule.layers.iter().map(|layer| layer.key()).collect::<Vec<_>>().join(", "));
    let fix = match rule.fix {
        FixAvailability::None => "advice",
        FixAvailability::Unsafe => "advice and an edit that may change behaviour",
        FixAvailability::Safe => "advice and a safe edit",
    };
    row("fix", fix.to_owned());
    row("CWE", rule.cwe.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
    row(
        "OWASP",
        rule.owasp.map_or_else(String::new, |category| format!("{}:2021", category.trim_end_matches('~'))),
    );
    row("ASVS", rule.asvs.join(", "));
    out
}

/// Writes a line of prose in as many lines as it needs; continuation lines of a bullet are indented.
fn wrap(out: &mut String, line: &str, width: usize) {
    let indent =
        line.len() - line.trim_start().len() + if line.trim_start().starts_with("- ") { 2 } else { 0 };
    let mut column = 0;
    for (index, word) in line.split(' ').enumerate() {
        let length = word.chars().count();
        if index > 0 && column + 1 + length > width {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if index > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selection::tests::KEY;

    #[test]
    fn the_page_ends_where_its_examples_begin() {
        let page = page(&KEY, false, 100);
        let expected = "FS301 hardcoded-secret-key\n`SECRET_KEY` is a literal\n\n  item        3 Sessions, cookies and secrets\n  \
            control     C3.1 SECRET_KEY comes from outside the code\n  severity    high, as a rule certain\n  \
            looks at    source, deploy\n  fix         advice and an edit that may change behaviour\n  CWE         321\n  OWASP       A02:2021\n  \
            ASVS        13.3.1\n\nWhat it checks\n`SECRET_KEY` has a value that can be read.\n\n- one\n- two\n\n    x = 1\n";
        assert_eq!(page, expected);
    }

    #[test]
    fn prose_is_wrapped_and_bullets_stay_aligned() {
        let mut out = String::new();
        wrap(&mut out, "- a bullet that is long", 12);
        assert_eq!(out, "- a bullet\n  that is\n  long\n");
    }
}
