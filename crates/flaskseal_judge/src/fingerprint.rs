//! The identity of a finding that survives its move to another line.
//!
//! Made from rule, path, enclosing definition and the text of its lines without regard to white space; not from
//! line numbers. Secrets are left out of the hash, so that a published fingerprint is no means to guess them, and a
//! literal that is merely exchanged for another stays the same finding.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use flaskseal_core::{Finding, Span, Tree};
use sha2::{Digest, Sha256};

/// Lines of a long finding that take part. What stands further down changes too often to identify it.
const LINES: u32 = 5;

/// Hands out fingerprints. Findings that read the same are numbered in the order in which they are asked for.
#[derive(Default)]
pub(crate) struct Fingerprints {
    seen: BTreeMap<[u8; 32], u32>,
}

impl Fingerprints {
    /// 32 lower-case hexadecimal digits.
    pub(crate) fn of(&mut self, tree: &Tree, finding: &Finding) -> String {
        let path = finding.primary.span.and_then(|span| tree.get(span.file)).map_or("", |file| &*file.path);
        let text = match finding.primary.span {
            Some(span) => normalised_lines(tree, span, &finding.redact),
            None => finding.message.clone(),
        };
        let mut hash = Sha256::new();
        for part in ["flaskseal-fingerprint/1", &finding.rule.to_string(), path, &finding.scope, &text] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        let base: [u8; 32] = hash.finalize().into();
        let count = self.seen.entry(base).or_insert(0);
        let digest: [u8; 32] = if *count == 0 {
            base
        } else {
            Sha256::new().chain_update(base).chain_update(count.to_le_bytes()).finalize().into()
        };
        *count += 1;
        digest.iter().take(16).fold(String::with_capacity(32), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

fn normalised_lines(tree: &Tree, span: Span, redact: &[Span]) -> String {
    let Some(file) = tree.get(span.file) else { return String::new() };
    let lines = file.lines();
    let first = lines.line(span.range.start);
    let last = lines.line(span.range.end.saturating_sub(1).max(span.range.start)).min(first + LINES - 1);
    let mut text = String::new();
    for line in first..=last {
        let range = lines.line_range(&file.text, line);
        let mut masked = false;
        for (offset, character) in file.slice(range).char_indices() {
            let at = range.start + offset as u32;
            let secret = redact.iter().any(|secret| secret.file == span.file && secret.range.contains(at));
            if !secret && !character.is_whitespace() {
                text.push(character);
            } else if secret && !masked {
                text.push('•');
            }
            masked = secret;
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use flaskseal_core::{Confidence, Evidence, FileId, Layer, RuleId, Severity};

    use super::*;

    fn tree(text: &str) -> Tree {
        Tree::from_texts([("app.py".to_owned(), text.to_owned())])
    }

    fn finding(text: &str, needle: &str) -> Finding {
        let start = text.find(needle).unwrap() as u32;
        let span = Span::new(FileId(0), start, start + needle.len() as u32);
        Finding::new(
            RuleId::new(301),
            Severity::High,
            Confidence::Certain,
            Evidence::at(Layer::Source, span, "here"),
            "a message",
        )
    }

    fn one(text: &str, needle: &str) -> String {
        Fingerprints::default().of(&tree(text), &finding(text, needle))
    }

    #[test]
    fn a_move_and_new_white_space_keep_it() {
        let before = one("KEY = 'dev'\n", "KEY");
        assert_eq!(before.len(), 32);
        assert_eq!(one("import os\n\n    KEY   =  'dev'\n", "KEY"), before);
        assert_ne!(one("KEY = 'prod'\n", "KEY"), before);
    }

    #[test]
    fn scope_and_rule_change_it() {
        let text = "KEY = 'dev'\n";
        let plain = finding(text, "KEY");
        let scoped = plain.clone().with_scope("Config");
        let other = Finding { rule: RuleId::new(302), ..plain.clone() };
        let prints: Vec<_> =
            [plain, scoped, other].iter().map(|f| Fingerprints::default().of(&tree(text), f)).collect();
        assert!(prints[0] != prints[1] && prints[0] != prints[2] && prints[1] != prints[2]);
    }

    #[test]
    fn identical_ones_are_numbered() {
        let text = "KEY = 'dev'\nKEY = 'dev'\n";
        let mut prints = Fingerprints::default();
        let first = prints.of(&tree(text), &finding(text, "KEY"));
        let second = prints.of(&tree(text), &finding(text, "KEY"));
        assert_ne!(first, second);
    }

    #[test]
    fn the_secret_is_not_part_of_it() {
        let print = |secret: &str| {
            let text = format!("KEY = '{secret}'\n");
            let redact = Span::new(FileId(0), 7, 7 + secret.len() as u32);
            Fingerprints::default().of(&tree(&text), &finding(&text, "KEY").with_redacted([redact]))
        };
        assert_eq!(print("dev"), print("something longer"));
    }

    #[test]
    fn spans_outside_the_tree_do_no_harm() {
        let mut odd = finding("KEY", "KEY");
        odd.primary.span = Some(Span::new(FileId(9), 5, 2));
        Fingerprints::default().of(&tree("KEY"), &odd);
        odd.primary.span = Some(Span::new(FileId(0), 900, 2));
        Fingerprints::default().of(&tree("KEY"), &odd);
    }
}
