//! Command lines that no shell splits.

use flaskseal_core::{FileId, Span};

use crate::shell::Argument;
use crate::syntax::{Mapped, split_words};
use crate::value::Value;

/// Splits a line into words as Python's `shlex` does: quotes and blanks, but none of a shell's operators.
pub(super) fn split(file: FileId, line: &Mapped, filled: Option<&dyn Fn(&str) -> Value>) -> Vec<Argument> {
    let known = |text: &str| Value::known(text);
    let filled = filled.unwrap_or(&known);
    let mut words = Vec::new();
    // A default that holds blanks, `${COMMAND:-gunicorn app:app}`, is filled in before the line is split.
    let replaced = blank_in_braces(&line.text).then(|| {
        let mut mapped = Mapped::default();
        mapped.push(filled(&line.text).text(), line.whole());
        mapped
    });
    for word in split_words(replaced.as_ref().unwrap_or(line)) {
        let span = Span { file, range: word.range };
        let value = if replaced.is_some() { Value::Known(word.value.clone()) } else { filled(&word.value) };
        if value.text().contains(' ') && word.value.starts_with('$') {
            words.extend(
                value.text().split_ascii_whitespace().map(|field| Argument::new(Value::known(field), span)),
            );
        } else {
            words.push(Argument::new(value, span));
        }
    }
    words
}

fn blank_in_braces(text: &str) -> bool {
    text.split("${")
        .skip(1)
        .any(|behind| behind.split('}').next().is_some_and(|inner| inner.contains(char::is_whitespace)))
}
