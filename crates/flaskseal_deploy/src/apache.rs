//! Apache httpd configuration: directives, nested sections, continued lines. All of it is kept; mod_wsgi is what is
//! asked for so far.

use flaskseal_core::TextRange;

use crate::syntax::{Mapped, Parsed, Problem, Spanned, lines, range};

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Apache {
    pub directives: Vec<Directive>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Directive {
    pub name: Spanned<String>,
    pub arguments: Vec<Spanned<String>>,
    /// The sections around it, outermost first: `VirtualHost`, `Directory`.
    pub sections: Vec<String>,
    pub range: TextRange,
}

impl Apache {
    /// Every directive of this name; Apache does not tell case apart.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Directive> {
        self.directives.iter().filter(move |directive| directive.name.value.eq_ignore_ascii_case(name))
    }
}

pub fn parse(text: &str) -> Parsed<Apache> {
    let mut parsed: Parsed<Apache> = Parsed::default();
    let mut sections: Vec<String> = Vec::new();
    let mut line = Mapped::default();
    for (start, piece) in lines(text) {
        let more = piece.strip_suffix('\\');
        let piece = more.unwrap_or(piece);
        line.push(piece, range(start, start + piece.len()));
        if more.is_some() {
            continue;
        }
        statement(&std::mem::take(&mut line), &mut sections, &mut parsed);
    }
    statement(&line, &mut sections, &mut parsed);
    parsed
}

fn statement(line: &Mapped, sections: &mut Vec<String>, parsed: &mut Parsed<Apache>) {
    let content = line.text.trim();
    if content.is_empty() || content.starts_with('#') {
        return;
    }
    if let Some(name) = content.strip_prefix("</") {
        let name = name.trim_end_matches('>').trim();
        if sections.last().is_some_and(|open| open.eq_ignore_ascii_case(name)) {
            sections.pop();
        } else {
            parsed.problems.push(Problem::new(line.whole(), format!("`</{name}>` closes nothing")));
        }
        return;
    }
    let opens = content.starts_with('<');
    let mut words = words(line).into_iter();
    let Some(mut name) = words.next() else { return };
    let mut arguments: Vec<_> = words.collect();
    if opens {
        let bare = name.value.trim_start_matches('<').trim_end_matches('>');
        name = Spanned::new(bare.to_owned(), name.range);
        if let Some(last) = arguments.last_mut() {
            last.value = last.value.trim_end_matches('>').to_owned();
        }
    }
    let outer = sections.iter().take(16).cloned().collect();
    if opens && sections.len() < 64 {
        sections.push(name.value.clone());
    }
    parsed.tree.directives.push(Directive { name, arguments, sections: outer, range: line.whole() });
}

fn words(line: &Mapped) -> Vec<Spanned<String>> {
    let mut found = Vec::new();
    let mut word: Option<(usize, String)> = None;
    let mut quote = None;
    for (at, character) in line.text.char_indices() {
        if word.is_none() && character.is_ascii_whitespace() {
            continue;
        }
        let (_, current) = word.get_or_insert_with(|| (at, String::new()));
        match (character, quote) {
            ('"' | '\'', None) => quote = Some(character),
            (_, Some(open)) if character == open => quote = None,
            (blank, None) if blank.is_ascii_whitespace() => {
                if let Some((start, text)) = word.take() {
                    found.push(Spanned::new(text, line.range(start, at)));
                }
            }
            _ => current.push(character),
        }
    }
    if let Some((start, text)) = word {
        found.push(Spanned::new(text, line.range(start, line.text.len())));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_know_their_sections() {
        let text = "<VirtualHost *:443>\n  WSGIDaemonProcess shop user=www \\\n    python-path=\"/srv/my shop\"\n  wsgiscriptalias / /srv/shop/wsgi.py\n  # WSGIScriptAlias / /no.py\n</VirtualHost>\n</Directory>\n";
        let parsed = parse(text);
        assert_eq!(parsed.problems.len(), 1);
        let alias = parsed.tree.all("WSGIScriptAlias").next().unwrap();
        assert_eq!(alias.sections, ["VirtualHost"]);
        assert_eq!(alias.arguments[1].value, "/srv/shop/wsgi.py");
        let daemon = parsed.tree.all("WSGIDaemonProcess").next().unwrap();
        assert_eq!(daemon.arguments[2].value, "python-path=/srv/my shop");
    }
}
