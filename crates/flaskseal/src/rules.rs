//! The list of rules, for people and for programs.

use std::fmt::Write as _;

use anstyle::Style;
use flaskseal_core::{Item, RuleMeta};
use serde_json::json;

/// A table by item. With `color`, headings are bold.
pub(crate) fn table(rules: &[&'static RuleMeta], color: bool) -> String {
    let bold = if color { Style::new().bold() } else { Style::new() };
    let width = rules.iter().map(|rule| rule.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for item in Item::ALL {
        let mut of_item = rules.iter().filter(|rule| rule.id.item() == item).peekable();
        if of_item.peek().is_none() {
            continue;
        }
        if !out.is_empty() {
            out.push('\n');
        }
        let _ = writeln!(out, "{bold}{} {} ({}){bold:#}", item.number(), item.title(), item.key());
        for rule in of_item {
            let (id, name, severity) = (rule.id, rule.name, rule.severity.key());
            let _ = writeln!(out, "  {id}  {severity:<8}  {name:<width$}  {}", rule.summary);
        }
    }
    if out.is_empty() {
        out.push_str("this build has no rules\n");
    }
    out
}

/// Version 1 of the list: every rule with all of its metadata but the page.
pub(crate) fn list(rules: &[&'static RuleMeta]) -> String {
    let rules: Vec<_> = rules
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id.to_string(),
                "name": rule.name,
                "summary": rule.summary,
                "item": rule.id.item().key(),
                "severity": rule.severity.key(),
                "confidence": rule.confidence.key(),
                "controls": rule.controls.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "layers": rule.layers.iter().map(|layer| layer.key()).collect::<Vec<_>>(),
                "cwe": rule.cwe,
                "owasp": rule.owasp.map(|category| category.trim_end_matches('~')),
                "asvs": rule.asvs,
                "fix": rule.fix.key(),
            })
        })
        .collect();
    format!("{:#}\n", json!({ "version": 1, "rules": rules }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selection::tests::KEY;

    #[test]
    fn lists_say_the_same() {
        let shown = table(&[&KEY], false);
        assert!(shown.starts_with("3 Sessions, cookies and secrets (session)\n  FS301  high      hardcoded-secret-key  `SECRET_KEY`"), "{shown}");
        let list: serde_json::Value = serde_json::from_str(&list(&[&KEY])).unwrap();
        assert_eq!(list["rules"][0]["id"], "FS301");
        assert_eq!(list["rules"][0]["controls"][0], "C3.1");
    }
}
