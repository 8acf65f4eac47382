//! The one way from source text to a report: what a finding wants hidden is replaced by `•`, at its own place and
//! wherever else the same text would be printed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};
use flaskseal_core::{FileId, GateReport, SourceFile, TextRange, Tree};

pub(crate) const TOKEN: char = '•';

/// A mask is as wide as what it hides, up to this many characters.
const WIDEST: usize = 24;

/// From this length on a secret is hidden anywhere; a shorter one, often a plain word, only where it stands alone.
const UNMISTAKABLE: usize = 6;

/// Bytes before and behind shown text in which a secret may begin or end. A longer one is known by its place.
const AROUND: u32 = 4096;

/// Bytes of a line that are shown around what matters.
const LINE: u32 = 400;

/// Everything that must not be printed.
pub(crate) struct Masks {
    /// Sorted and disjoint.
    ranges: BTreeMap<FileId, Vec<TextRange>>,
    /// Every secret, to be found in source.
    literals: Option<AhoCorasick>,
    /// Secrets that cannot be mistaken for words, to be found in text of our own making.
    unmistakable: Option<AhoCorasick>,
}

impl Masks {
    pub(crate) fn new(report: &GateReport, tree: &Tree) -> Self {
        let mut ranges: BTreeMap<FileId, Vec<TextRange>> = BTreeMap::new();
        let mut literals = Vec::new();
        for secret in report.findings.iter().flat_map(|reported| &reported.finding.redact) {
            let Some(file) = tree.get(secret.file) else { continue };
            let range = fit(file, secret.range);
            ranges.entry(secret.file).or_default().push(range);
            // A key block is printed line by line, so its lines are hidden one by one.
            let lines = file.slice(range).lines().map(|line| line.trim().trim_matches(['"', '\'']));
            literals.extend(lines.filter(|line| line.chars().count() >= 3).map(str::to_owned));
        }
        for ranges in ranges.values_mut() {
            *ranges = disjoint(std::mem::take(ranges));
        }
        Self::from_parts(ranges, literals)
    }

    fn from_parts(ranges: BTreeMap<FileId, Vec<TextRange>>, mut literals: Vec<String>) -> Self {
        literals.sort();
        literals.dedup();
        // Too many of them is the only error: then there is nothing sensible to print at all.
        let automaton = |kind, literals: &[String]| {
            let built = AhoCorasick::builder().match_kind(kind).build(literals);
            (!literals.is_empty()).then(|| built.expect("the secrets of a tree fit an automaton of 2 GiB"))
        };
        let certain =
            |literal: &String| literal.chars().count() >= 8 && literal.chars().any(|c| c.is_ascii_digit());
        let unmistakable: Vec<String> = literals.iter().filter(|literal| certain(literal)).cloned().collect();
        Self {
            ranges,
            literals: automaton(MatchKind::Standard, &literals),
            unmistakable: automaton(MatchKind::LeftmostLongest, &unmistakable),
        }
    }

    /// Whether anything is hidden at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Text of our own making, in which only what is certainly a secret is hidden: a message that speaks of a
    /// password must stay readable when somebody's password is "password".
    pub(crate) fn prose<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let Some(secrets) = self.unmistakable.as_ref().filter(|secrets| secrets.is_match(text)) else {
            return Cow::Borrowed(text);
        };
        let mut masked = String::with_capacity(text.len());
        secrets.replace_all_with(text, &mut masked, |_, secret, masked| {
            masked.push_str(&mask(secret));
            true
        });
        Cow::Owned(masked)
    }

    /// The masked text of some lines (from 1, both ends included), shortened around `keep` where a line is endless.
    pub(crate) fn excerpt(
        &self,
        id: FileId,
        file: &SourceFile,
        lines: (u32, u32),
        keep: &[TextRange],
    ) -> Excerpt {
        let index = file.lines();
        let first = lines.0.clamp(1, index.line_count());
        let last = lines.1.clamp(first, index.line_count());
        let mut cuts = Vec::new();
        for line in first..=last {
            let range = index.line_range(&file.text, line);
            if range.end - range.start > 2 * LINE {
                let focus = keep
                    .iter()
                    .find(|keep| range.contains(keep.start))
                    .map_or(range.start, |keep| keep.start);
                let shown = fit(
                    file,
                    TextRange::new(
                        focus.saturating_sub(LINE / 2).max(range.start),
                        focus.saturating_add(LINE).min(range.end),
                    ),
                );
                cuts.push(Cut::ellipsis(TextRange::new(range.start, shown.start)));
                cuts.push(Cut::ellipsis(TextRange::new(shown.end, range.end)));
            }
        }
        let start = index.line_range(&file.text, first).start;
        let end = index.line_range(&file.text, last).end;
        self.cut(id, file, TextRange::new(start, end), cuts)
    }

    /// The masked text of a range.
    pub(crate) fn text(&self, id: FileId, file: &SourceFile, range: TextRange) -> String {
        self.cut(id, file, fit(file, range), Vec::new()).text
    }

    /// The text of a window, in which some ranges are left out, and every secret masked.
    fn cut(&self, id: FileId, file: &SourceFile, window: TextRange, mut cuts: Vec<Cut>) -> Excerpt {
        for shown in remaining(window, &cuts) {
            for secret in self.secrets(id, file, shown) {
                // Line by line, so that lines keep their numbers.
                let mut at = secret.start;
                for line in file.slice(secret).split_inclusive('\n') {
                    let text = line.trim_end_matches(['\n', '\r']);
                    cuts.push(Cut { range: TextRange::new(at, at + text.len() as u32), by: mask(text) });
                    at += line.len() as u32;
                }
            }
        }
        cuts.retain(|cut| cut.range.start < cut.range.end);
        cuts.sort_by_key(|cut| (cut.range.start, std::cmp::Reverse(cut.range.end)));

        let mut text = String::new();
        let mut replaced: Vec<(TextRange, Range<usize>)> = Vec::new();
        let mut at = window.start;
        for cut in cuts {
            let range = TextRange::new(cut.range.start.max(at), cut.range.end);
            if range.start >= range.end {
                continue;
            }
            text.push_str(file.slice(TextRange::new(at, range.start)));
            let begin = text.len();
            text.push_str(&cut.by);
            replaced.push((range, begin..text.len()));
            at = range.end;
        }
        text.push_str(file.slice(TextRange::new(at, window.end)));
        Excerpt { first_line: file.lines().line(window.start), text, window, replaced }
    }

    /// Ranges of the window that hold a secret, by place or by text, or a part of one that reaches into it.
    fn secrets(&self, id: FileId, file: &SourceFile, window: TextRange) -> Vec<TextRange> {
        let here = |range: &&TextRange| range.start < window.end && window.start < range.end;
        let mut found: Vec<TextRange> =
            self.ranges.get(&id).into_iter().flatten().filter(here).copied().collect();
        let around =
            fit(file, TextRange::new(window.start.saturating_sub(AROUND), window.end.saturating_add(AROUND)));
        let text = file.slice(around);
        let word = |c: char| c.is_alphanumeric() || c == '_';
        for secret in self.literals.iter().flat_map(|literals| literals.find_overlapping_iter(text)) {
            let before = text.get(..secret.start()).and_then(|text| text.chars().next_back());
            let after = text.get(secret.end()..).and_then(|text| text.chars().next());
            let alone = !before.is_some_and(word) && !after.is_some_and(word);
            let length = text.get(secret.range()).map_or(0, |secret| secret.chars().count());
            if length >= UNMISTAKABLE || alone {
                let at = |offset: usize| around.start + offset as u32;
                found.push(TextRange::new(at(secret.start()), at(secret.end())));
            }
        }
        let clipped = disjoint(found).into_iter().map(|secret| TextRange {
            start: secret.start.max(window.start),
            end: secret.end.min(window.end),
        });
        clipped.filter(|secret| secret.start < secret.end).collect()
    }
}

/// Masked text of whole lines, and where its bytes were.
pub(crate) struct Excerpt {
    pub(crate) first_line: u32,
    pub(crate) text: String,
    window: TextRange,
    replaced: Vec<(TextRange, Range<usize>)>,
}

impl Excerpt {
    /// Where a range of the file is in the excerpt.
    pub(crate) fn locate(&self, range: TextRange) -> Range<usize> {
        let start = self.offset(range.start, false);
        start..self.offset(range.end, true).max(start)
    }

    /// `end` says on which side of a replacement an offset inside it falls.
    fn offset(&self, offset: u32, end: bool) -> usize {
        let offset = offset.clamp(self.window.start, self.window.end);
        let before = self
            .replaced
            .partition_point(|(range, _)| range.start < offset || (!end && range.start == offset));
        let mapped = match before.checked_sub(1).and_then(|index| self.replaced.get(index)) {
            None => (offset - self.window.start) as usize,
            Some((range, new)) if offset >= range.end => new.end + (offset - range.end) as usize,
            Some((_, new)) => {
                if end {
                    new.end
                } else {
                    new.start
                }
            }
        };
        let mut mapped = mapped.min(self.text.len());
        while !self.text.is_char_boundary(mapped) {
            mapped -= 1;
        }
        mapped
    }
}

struct Cut {
    range: TextRange,
    by: String,
}

impl Cut {
    fn ellipsis(range: TextRange) -> Self {
        Self { range, by: "…".to_owned() }
    }
}

/// What the cuts leave of a window. They are in order and do not overlap.
fn remaining(window: TextRange, cuts: &[Cut]) -> Vec<TextRange> {
    let mut left = Vec::with_capacity(cuts.len() + 1);
    let mut at = window.start;
    for cut in cuts {
        left.push(TextRange::new(at, cut.range.start));
        at = cut.range.end;
    }
    left.push(TextRange::new(at, window.end));
    left
}

fn mask(text: &str) -> String {
    std::iter::repeat_n(TOKEN, text.chars().count().min(WIDEST)).collect()
}

/// The range, within the text and on boundaries of characters: outwards, so that nothing hidden is halved.
pub(crate) fn fit(file: &SourceFile, range: TextRange) -> TextRange {
    let mut start = (range.start as usize).min(file.text.len());
    let mut end = (range.end as usize).clamp(start, file.text.len());
    while !file.text.is_char_boundary(start) {
        start -= 1;
    }
    while !file.text.is_char_boundary(end) {
        end += 1;
    }
    TextRange::new(start as u32, end as u32)
}

fn disjoint(mut ranges: Vec<TextRange>) -> Vec<TextRange> {
    ranges.sort();
    let mut merged: Vec<TextRange> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masks(file: &SourceFile, secrets: &[&str]) -> Masks {
        let range = |secret: &&str| {
            let start = file.text.find(secret).unwrap() as u32;
            TextRange::new(start, start + secret.len() as u32)
        };
        Masks::from_parts(
            [(FileId(0), disjoint(secrets.iter().map(range).collect()))].into(),
            secrets.iter().flat_map(|secret| secret.lines()).map(|line| line.trim().to_owned()).collect(),
        )
    }

    fn all(file: &SourceFile, secrets: &[&str]) -> String {
        masks(file, secrets).excerpt(FileId(0), file, (1, 99), &[]).text
    }

    #[test]
    fn hides_the_place_and_every_other_occurrence() {
        let file = SourceFile::new("a.py", "KEY = 'correct horse'\nother = f('correct horse', 1)\n");
        let text = all(&file, &["correct horse"]);
        assert_eq!(text, "KEY = '•••••••••••••'\nother = f('•••••••••••••', 1)\n");
    }

    #[test]
    fn a_short_secret_is_hidden_where_it_stands_alone() {
        let file = SourceFile::new("a.py", "KEY = 'dev'\ndeveloper = dev_tools('dev')\n");
        assert_eq!(all(&file, &["dev"]), "KEY = '•••'\ndeveloper = dev_tools('•••')\n");
    }

    #[test]
    fn a_block_keeps_its_lines_and_a_long_one_is_no_longer_than_it_must() {
        let secret = format!("BEGIN\r\n  {}\nEND", "x".repeat(200));
        let file = SourceFile::new("a.py", format!("KEY = '''{secret}'''\nx\n"));
        let text = all(&file, &[&secret]);
        assert_eq!(text.lines().count(), 4);
        assert!(!text.contains("xx") && !text.contains("BEGIN") && text.len() < 200, "{text}");
    }

    #[test]
    fn a_part_of_a_secret_is_hidden_too() {
        let file = SourceFile::new("a.py", "KEY = 'correct horse'\nother = 'correct horse'\n");
        let masks = masks(&file, &["correct horse"]);
        let second = file.text.rfind("rrect").unwrap() as u32;
        assert_eq!(masks.text(FileId(0), &file, TextRange::new(second, second + 5)), "•••••");
        assert_eq!(masks.text(FileId(0), &file, TextRange::new(second + 8, second + 12)), "•••'");
    }

    #[test]
    fn ranges_are_found_again() {
        let file = SourceFile::new("a.py", "키 = f('hunter2hunter2', 'é', arg)\n");
        let excerpt = masks(&file, &["hunter2hunter2"]).excerpt(FileId(0), &file, (1, 1), &[]);
        for needle in ["키", "f(", "arg", ")"] {
            let start = file.text.find(needle).unwrap() as u32;
            let located = excerpt.locate(TextRange::new(start, start + needle.len() as u32));
            assert_eq!(&excerpt.text[located], needle);
        }
        let start = file.text.find("hunter2").unwrap() as u32;
        assert_eq!(&excerpt.text[excerpt.locate(TextRange::new(start, start + 14))], "•".repeat(14));
        assert_eq!(
            &excerpt.text[excerpt.locate(TextRange::new(start - 1, start + 15))],
            format!("'{}'", "•".repeat(14))
        );
        assert_eq!(&excerpt.text[excerpt.locate(TextRange::new(start + 3, start + 5))], "•".repeat(14));
    }

    #[test]
    fn an_endless_line_is_shown_around_what_matters() {
        let file = SourceFile::new("a.js", format!("{}needle{}\n", "a".repeat(100_000), "b".repeat(100_000)));
        let start = 100_000;
        let keep = TextRange::new(start, start + 6);
        let excerpt = masks(&file, &[]).excerpt(FileId(0), &file, (1, 1), &[keep]);
        assert!(excerpt.text.len() < 2000);
        assert_eq!(&excerpt.text[excerpt.locate(keep)], "needle");
    }

    #[test]
    fn any_range_at_all_does_no_harm() {
        let file = SourceFile::new("a.py", "é 'secret-é' é\n");
        let masks = masks(&file, &["secret-é"]);
        let excerpt = masks.excerpt(FileId(0), &file, (0, 7), &[TextRange::new(9, 2)]);
        for start in 0..20 {
            for end in 0..20 {
                assert!(excerpt.text.get(excerpt.locate(TextRange::new(start, end))).is_some());
                assert!(!masks.text(FileId(0), &file, TextRange::new(start, end)).contains("secre"));
            }
        }
    }

    #[test]
    fn prose_keeps_words_and_loses_keys() {
        let file = SourceFile::new("a.py", "password, k3y-0f-the-house");
        let masks = masks(&file, &["password", "k3y-0f-the-house"]);
        assert_eq!(masks.prose("a password, k3y-0f-the-house"), format!("a password, {}", "•".repeat(16)));
    }
}
