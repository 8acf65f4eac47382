//! Which report goes where.

use std::path::PathBuf;

use flaskseal_report::Format;

/// A report to write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Output {
    pub format: Format,
    /// `None` is standard output.
    pub file: Option<PathBuf>,
}

/// A word of the command line, in the order in which it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Word {
    Format(Format),
    Output(PathBuf),
}

/// Gives every `--output` to the `--format` before it, or to the first format if none is before it. At most one
/// report goes to standard output. The error is a message about the command line.
pub fn pair(words: impl IntoIterator<Item = Word>) -> Result<Vec<Output>, String> {
    let mut outputs: Vec<Output> = Vec::new();
    let mut named: Vec<bool> = Vec::new();
    let mut waiting: Option<PathBuf> = None;
    for word in words {
        match word {
            Word::Format(format) => {
                named.push(waiting.is_some());
                outputs.push(Output { format, file: waiting.take() });
            }
            Word::Output(path) => match (outputs.last_mut(), named.last_mut()) {
                (Some(output), Some(named)) if !*named => {
                    output.file = Some(path);
                    *named = true;
                }
                (None, None) if waiting.is_none() => waiting = Some(path),
                _ => return Err(format!("--output {} has no --format of its own before it", path.display())),
            },
        }
    }
    if outputs.is_empty() {
        outputs.push(Output { format: Format::Terminal, file: waiting });
    }
    for output in &mut outputs {
        output.file = output.file.take().filter(|path| path.as_os_str() != "-");
    }
    if outputs.iter().filter(|output| output.file.is_none()).count() > 1 {
        return Err("two formats would go to standard output: give all but one an --output FILE".to_owned());
    }
    for (index, output) in outputs.iter().enumerate() {
        if outputs.iter().take(index).any(|earlier| earlier.file == output.file) {
            let path = output.file.as_deref().unwrap_or_else(|| "-".as_ref());
            return Err(format!("two formats would go to {}", path.display()));
        }
    }
    Ok(outputs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Format::{Json, Sarif, Terminal};

    fn output(path: &str) -> Word {
        Word::Output(path.into())
    }

    fn pairs(words: impl IntoIterator<Item = Word>) -> Result<Vec<(Format, Option<String>)>, String> {
        let text = |path: PathBuf| path.display().to_string();
        Ok(pair(words)?.into_iter().map(|output| (output.format, output.file.map(text))).collect())
    }

    #[test]
    fn an_output_belongs_to_the_format_before_it() {
        assert_eq!(pairs([]), Ok(vec![(Terminal, None)]));
        assert_eq!(pairs([output("a")]), Ok(vec![(Terminal, Some("a".to_owned()))]));
        let sarif = Ok(vec![(Terminal, None), (Sarif, Some("a".to_owned()))]);
        assert_eq!(pairs([Word::Format(Terminal), Word::Format(Sarif), output("a")]), sarif);
        let sarif = Ok(vec![(Sarif, Some("a".to_owned())), (Terminal, None)]);
        assert_eq!(pairs([Word::Format(Sarif), output("a"), Word::Format(Terminal)]), sarif);
        assert_eq!(pairs([output("a"), Word::Format(Sarif), Word::Format(Terminal)]), sarif);
        assert_eq!(pairs([Word::Format(Json), output("-")]), Ok(vec![(Json, None)]));
    }

    #[test]
    fn reports_never_mix() {
        assert!(pairs([Word::Format(Json), Word::Format(Sarif)]).unwrap_err().contains("standard output"));
        assert!(pairs([output("a"), output("b")]).unwrap_err().contains("--output b"));
        assert!(pairs([Word::Format(Json), output("a"), output("b")]).unwrap_err().contains("--output b"));
        let twice = [Word::Format(Json), output("a"), Word::Format(Sarif), output("a")];
        assert_eq!(pairs(twice), Err("two formats would go to a".to_owned()));
    }
}
