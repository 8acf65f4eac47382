//! Comments that carry expectations, in the syntax of the file they stand in. Only enough is known of each syntax
//! to find such a comment; nothing is parsed.

/// How a syntax opens and closes a comment; an empty end is the end of the line.
pub(crate) type Delimiters = (&'static str, &'static str);

const HASH: &[Delimiters] = &[("#", "")];
const TEMPLATE: &[Delimiters] = &[("{#", "#}"), ("<!--", "-->")];
const MARKUP: &[Delimiters] = &[("<!--", "-->")];
const SLASHES: &[Delimiters] = &[("//", ""), ("/*", "*/")];
const INI: &[Delimiters] = &[("#", ""), (";", "")];
const NONE: &[Delimiters] = &[];

/// The comments of a file, by its name.
pub(crate) fn delimiters(path: &str) -> &'static [Delimiters] {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" | "htm" | "jinja" | "jinja2" | "j2" => TEMPLATE,
        "xml" | "svg" | "md" => MARKUP,
        "js" | "ts" | "css" => SLASHES,
        "ini" | "cfg" => INI,
        "json" | "pem" | "lock" | "key" | "crt" | "csv" => NONE,
        _ => HASH,
    }
}

/// The text of a line outside and inside its first comment that `wanted` accepts. Openers that do not begin such a
/// comment (a `#` in a string, a colour) are passed over.
pub(crate) fn find<'l>(
    line: &'l str,
    delimiters: &[Delimiters],
    wanted: impl Fn(&str) -> bool,
) -> Option<(&'l str, &'l str)> {
    let mut best: Option<(&'l str, &'l str)> = None;
    for (open, close) in delimiters {
        for (at, _) in line.match_indices(open) {
            let (Some(before), Some(rest)) = (line.get(..at), line.get(at + open.len()..)) else { continue };
            let inside = if close.is_empty() { rest } else { rest.split(close).next().unwrap_or(rest) };
            if wanted(inside.trim()) && best.is_none_or(|(earlier, _)| before.len() < earlier.len()) {
                best = Some((before, inside.trim()));
            }
        }
    }
    best
}

/// The columns of a line that is a comment of carets and nothing else: from 1, the end exclusive, in characters.
pub(crate) fn carets(line: &str, delimiters: &[Delimiters]) -> Option<Result<(u32, u32), &'static str>> {
    let trimmed = line.trim();
    let inside =
        delimiters.iter().find_map(|(open, close)| trimmed.strip_prefix(open)?.strip_suffix(close))?;
    if !inside.contains('^') || inside.chars().any(|c| c != '^' && !c.is_whitespace()) {
        return None;
    }
    if inside.split_whitespace().count() > 1 {
        return Some(Err("a line of carets marks one range"));
    }
    let start = line.chars().take_while(|&c| c != '^').count() as u32 + 1;
    Some(Ok((start, start + inside.matches('^').count() as u32)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_in_a_string_does_not_begin_the_comment() {
        let line = "x = '#fff'  # finding: FS301";
        let found = find(line, HASH, |text| text.starts_with("finding"));
        assert_eq!(found, Some(("x = '#fff'  ", "finding: FS301")));
    }

    #[test]
    fn a_closed_comment_ends_where_it_closes() {
        let found = find("<b>{{ x }}</b> {# finding: FS541 #} <i>", TEMPLATE, |_| true);
        assert_eq!(found, Some(("<b>{{ x }}</b> ", "finding: FS541")));
    }

    #[test]
    fn carets_count_characters() {
        assert_eq!(carets("  #  ^^^", HASH), Some(Ok((6, 9))));
        assert_eq!(carets("<!-- ^^ -->", MARKUP), Some(Ok((6, 8))));
        assert_eq!(carets("# 2 ^ 3", HASH), None);
        assert!(matches!(carets("# ^ ^", HASH), Some(Err(_))));
    }
}
