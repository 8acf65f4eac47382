//! nginx's grammar: words, quotes, escapes, blocks. What a directive means is not known here, so that an unknown one
//! never stops the reader.

use flaskseal_core::{FileId, Span, TextRange};

use crate::syntax::{Parsed, Problem};

/// A directive with its words and, where it has one, its block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Directive {
    pub name: Word,
    pub arguments: Vec<Word>,
    pub block: Option<Vec<Directive>>,
    /// From the name to the semicolon, or to the brace that opens the block, both left out.
    pub span: Span,
    /// The file that it stands in is not part of the tree: it is known by its name, and the spans are those of the
    /// `include`.
    pub assumed: bool,
}

/// A word, without its quotes and with its escapes resolved as nginx does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Word {
    pub text: String,
    /// With the quotes.
    pub span: Span,
}

impl Directive {
    pub fn is(&self, name: &str) -> bool {
        self.name.text == name
    }

    /// The text of an argument, counted from 0.
    pub fn argument(&self, index: usize) -> Option<&str> {
        self.arguments.get(index).map(|word| word.text.as_str())
    }

    /// Whether one of the arguments is this word.
    pub fn has(&self, word: &str) -> bool {
        self.arguments.iter().any(|argument| argument.text == word)
    }
}

/// Blocks inside each other; nginx itself never needs more than a few.
const MAX_DEPTH: usize = 64;

/// Reads a file. The directives know the file that they stand in, because files are joined by `include`.
pub fn parse(file: FileId, text: &str) -> Parsed<Vec<Directive>> {
    let mut reader = Reader { file, text, at: 0, problems: Vec::new() };
    let tree = reader.run();
    Parsed { tree, problems: reader.problems }
}

struct Reader<'t> {
    file: FileId,
    text: &'t str,
    at: usize,
    problems: Vec<Problem>,
}

enum Token {
    Word(Word),
    Semicolon(usize),
    Open(usize),
    Close(usize),
}

impl Reader<'_> {
    fn run(&mut self) -> Vec<Directive> {
        // A level is what was read of it so far, and the directive that opened it.
        let mut levels: Vec<(Vec<Directive>, Option<Directive>)> = vec![(Vec::new(), None)];
        let mut words: Vec<Word> = Vec::new();
        // Blocks that are too deep to keep.
        let mut skipped = 0_usize;
        while let Some(token) = self.token() {
            match token {
                Token::Word(word) => words.push(word),
                Token::Semicolon(end) => match directive(&mut words, self.file, end) {
                    Some(found) if skipped == 0 => {
                        if let Some((level, _)) = levels.last_mut() {
                            level.push(found);
                        }
                    }
                    Some(_) => {}
                    None => self.problem(end, end + 1, "`;` without a directive"),
                },
                Token::Open(end) => {
                    let opened = directive(&mut words, self.file, end).unwrap_or_else(|| {
                        self.problem(end, end + 1, "`{` without a directive");
                        unnamed(self.file, end)
                    });
                    if levels.len() >= MAX_DEPTH || skipped > 0 {
                        if skipped == 0 {
                            self.problem(end, end + 1, "blocks are nested too deeply: this one is not read");
                        }
                        skipped += 1;
                    } else if opened.name.text.ends_with("_by_lua_block") {
                        self.lua();
                        if let Some((level, _)) = levels.last_mut() {
                            level.push(opened);
                        }
                    } else {
                        levels.push((Vec::new(), Some(opened)));
                    }
                }
                Token::Close(at) => {
                    if !words.is_empty() {
                        let start = words.first().map_or(at, |word| word.span.range.start as usize);
                        self.problem(start, at, "the directive does not end in `;`");
                        if let Some(found) = directive(&mut words, self.file, at)
                            && skipped == 0
                            && let Some((level, _)) = levels.last_mut()
                        {
                            level.push(found);
                        }
                    }
                    if skipped > 0 {
                        skipped -= 1;
                    } else if levels.len() > 1 {
                        close(&mut levels);
                    } else {
                        self.problem(at, at + 1, "`}` closes nothing");
                    }
                }
            }
        }
        if !words.is_empty() {
            let start = words.first().map_or(0, |word| word.span.range.start as usize);
            self.problem(start, self.text.len(), "the directive does not end in `;`");
            if let Some(found) = directive(&mut words, self.file, self.text.len())
                && skipped == 0
                && let Some((level, _)) = levels.last_mut()
            {
                level.push(found);
            }
        }
        if levels.len() > 1 {
            let open = levels.last().and_then(|(_, opened)| opened.as_ref()).map(|opened| opened.span.range);
            let range = open.unwrap_or_default();
            self.problems.push(Problem::new(range, "the block is not closed"));
        }
        while levels.len() > 1 {
            close(&mut levels);
        }
        levels.pop().map(|(level, _)| level).unwrap_or_default()
    }

    fn problem(&mut self, start: usize, end: usize, message: &str) {
        let end = end.min(self.text.len());
        self.problems.push(Problem::new(TextRange::new(start as u32, end.max(start) as u32), message));
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn token(&mut self) -> Option<Token> {
        loop {
            match self.peek(0)? {
                b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
                b'#' => self.skip_line(),
                // Statements of a template engine, which leave configuration behind.
                b'{' if self.peek(1) == Some(b'%') => self.skip_past("%}"),
                b'{' if self.peek(1) == Some(b'#') => self.skip_past("#}"),
                b'{' if self.peek(1) != Some(b'{') => {
                    self.at += 1;
                    return Some(Token::Open(self.at - 1));
                }
                b'}' => {
                    self.at += 1;
                    return Some(Token::Close(self.at - 1));
                }
                b';' => {
                    self.at += 1;
                    return Some(Token::Semicolon(self.at - 1));
                }
                quote @ (b'"' | b'\'') => return Some(Token::Word(self.quoted(quote))),
                _ => return Some(Token::Word(self.plain())),
            }
        }
    }

    fn quoted(&mut self, quote: u8) -> Word {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\\' => self.at += 2,
                byte if byte == quote => break,
                _ => self.at += 1,
            }
        }
        self.at = self.at.min(self.text.len());
        let inside = self.text.get(start + 1..self.at).unwrap_or("");
        let text = unescaped(inside);
        if self.peek(0).is_none() {
            self.problem(start, self.text.len(), "the quote is not closed");
        } else {
            self.at += 1;
            // nginx wants a blank, `;`, `{` or `)` here. Of these only the last belongs to the word.
            if self.peek(0) == Some(b')') {
                self.at += 1;
                return self.word(start, text + ")");
            }
            if !matches!(self.peek(0), None | Some(b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{')) {
                self.problem(start, self.at, "a blank or `;` is missing after the quote");
            }
        }
        self.word(start, text)
    }

    fn plain(&mut self) -> Word {
        let start = self.at;
        let mut previous = 0;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\\' => {
                    self.at += 2;
                    previous = 0;
                    continue;
                }
                b' ' | b'\t' | b'\r' | b'\n' | b';' => break,
                // `${name}` belongs to the word, as does `{{ name }}` of a template engine.
                b'{' if previous == b'$' => {}
                b'{' if self.peek(1) == Some(b'{') => {
                    self.skip_past("}}");
                    previous = 0;
                    continue;
                }
                b'{' => break,
                _ => {}
            }
            previous = byte;
            self.at += 1;
        }
        self.at = self.at.min(self.text.len());
        while !self.text.is_char_boundary(self.at) {
            self.at += 1;
        }
        let text = unescaped(self.text.get(start..self.at).unwrap_or(""));
        self.word(start, text)
    }

    fn word(&self, start: usize, text: String) -> Word {
        Word { text, span: Span::new(self.file, start as u32, self.at.max(start) as u32) }
    }

    fn skip_line(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
    }

    fn skip_past(&mut self, mark: &str) {
        let rest = self.text.get(self.at..).unwrap_or("");
        self.at += rest.find(mark).map_or(rest.len(), |found| found + mark.len());
    }

    /// Past the brace that ends a block of Lua, which stands in no string or comment of Lua.
    fn lua(&mut self) {
        let mut depth = 1_usize;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                b'-' if self.peek(1) == Some(b'-') => {
                    self.at += 2;
                    if !self.lua_long() {
                        self.skip_line();
                    }
                    continue;
                }
                b'[' if self.lua_long() => continue,
                quote @ (b'"' | b'\'') => {
                    self.at += 1;
                    while let Some(byte) = self.peek(0).filter(|&byte| byte != quote && byte != b'\n') {
                        self.at += if byte == b'\\' { 2 } else { 1 };
                    }
                }
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                break;
            }
        }
        self.at = self.at.min(self.text.len());
        while !self.text.is_char_boundary(self.at) {
            self.at += 1;
        }
    }

    /// Past `[[...]]` or `[=[...]=]`, if one begins here.
    fn lua_long(&mut self) -> bool {
        if self.peek(0) != Some(b'[') {
            return false;
        }
        let mut level = 0;
        while self.peek(1 + level) == Some(b'=') {
            level += 1;
        }
        if self.peek(1 + level) != Some(b'[') {
            return false;
        }
        self.skip_past(&format!("]{}]", "=".repeat(level)));
        true
    }
}

fn directive(words: &mut Vec<Word>, file: FileId, end: usize) -> Option<Directive> {
    let mut words = std::mem::take(words).into_iter();
    let name = words.next()?;
    let start = name.span.range.start;
    let arguments: Vec<Word> = words.collect();
    let last = arguments.last().map_or(name.span.range.end, |word| word.span.range.end);
    let span = Span::new(file, start, last.min(end as u32).max(start));
    Some(Directive { name, arguments, block: None, span, assumed: false })
}

fn unnamed(file: FileId, at: usize) -> Directive {
    let span = Span::new(file, at as u32, at as u32 + 1);
    let name = Word { text: String::new(), span };
    Directive { name, arguments: Vec::new(), block: None, span, assumed: false }
}

fn close(levels: &mut Vec<(Vec<Directive>, Option<Directive>)>) {
    let Some((body, Some(mut opened))) = levels.pop() else { return };
    opened.block = Some(body);
    if let Some((level, _)) = levels.last_mut() {
        level.push(opened);
    }
}

/// A backslash is dropped before a quote or another backslash, and `\t`, `\r` and `\n` are what they say; before
/// anything else it stays, as regular expressions need it.
fn unescaped(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut result = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let replaced = match (character, characters.peek()) {
            ('\\', Some(&next @ ('"' | '\'' | '\\'))) => Some(next),
            ('\\', Some('t')) => Some('\t'),
            ('\\', Some('r')) => Some('\r'),
            ('\\', Some('n')) => Some('\n'),
            _ => None,
        };
        if replaced.is_some() {
            characters.next();
        }
        result.push(replaced.unwrap_or(character));
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree as text: words in brackets, blocks in braces.
    fn shown(text: &str) -> String {
        fn write(level: &[Directive], out: &mut String) {
            for directive in level {
                out.push_str(&directive.name.text);
                for word in &directive.arguments {
                    out.push('[');
                    out.push_str(&word.text);
                    out.push(']');
                }
                match &directive.block {
                    Some(block) => {
                        out.push('{');
                        write(block, out);
                        out.push('}');
                    }
                    None => out.push(';'),
                }
            }
        }
        let mut out = String::new();
        write(&parse(FileId(0), text).tree, &mut out);
        out
    }

    #[test]
    fn words_quotes_and_escapes_are_nginx_s() {
        assert_eq!(shown(r#"log_format a '$x "$y"' "b\"c";"#), r#"log_format[a][$x "$y"][b"c];"#);
        assert_eq!(
            shown(r"location ~ \.(php|asp)$ { return 403; }"),
            r"location[~][\.(php|asp)$]{return[403];}"
        );
        assert_eq!(shown(r"rewrite ^/a\;b$ /c;"), r"rewrite[^/a\;b$][/c];");
        assert_eq!(shown("return 200 a${b}c;"), "return[200][a${b}c];");
        assert_eq!(shown("return 200 a#b; # c\nx;"), "return[200][a#b];x;");
        assert_eq!(shown(r#"if ($a = "b") { set $x 1; }"#), r"if[($a][=][b)]{set[$x][1];}");
        assert_eq!(shown(r#"add_header A "x\ny";"#), "add_header[A][x\ny];");
        assert_eq!(shown("add_header A\n  b\n  always;"), "add_header[A][b][always];");
        assert_eq!(shown("server{listen 80;}"), "server{listen[80];}");
    }

    #[test]
    fn blocks_of_lua_are_passed_over() {
        let text = "content_by_lua_block { local t = { [[}]], '}' } -- }\n  --[=[ } ]=] if x then y() end }\nreturn 200;";
        assert_eq!(shown(text), "content_by_lua_block;return[200];");
        assert_eq!(shown("access_by_lua_block { 'é\\"), "access_by_lua_block;");
    }

    #[test]
    fn templates_leave_configuration_behind() {
        assert_eq!(
            shown("server_name {{ domain }};\n{% if tls %}\nlisten 443 ssl;\n{% endif %}"),
            "server_name[{{ domain }}];listen[443][ssl];"
        );
    }

    #[test]
    fn what_is_broken_is_said_and_the_rest_is_read() {
        let broken = |text: &str| {
            let parsed = parse(FileId(0), text);
            parsed.problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(broken("a b }\nc;"), "the directive does not end in `;`, `}` closes nothing");
        assert_eq!(broken("server { listen 80;"), "the block is not closed");
        assert_eq!(broken("a 'b"), "the quote is not closed, the directive does not end in `;`");
        assert_eq!(broken(";"), "`;` without a directive");
        assert_eq!(shown("server { listen 80"), "server{listen[80];}");
        let deep = "a {".repeat(100_000);
        assert!(broken(&deep).contains("nested too deeply"));
        assert_eq!(shown("a { b; \\"), "a{b;\\;}");
    }

    #[test]
    fn spans_point_into_the_file() {
        let text = "server {\n  listen 'a b' ssl;\n}\n";
        let parsed = parse(FileId(3), text);
        let listen = &parsed.tree[0].block.as_ref().unwrap()[0];
        let at = |span: Span| text.get(span.range.start as usize..span.range.end as usize).unwrap();
        assert_eq!(at(listen.span), "listen 'a b' ssl");
        assert_eq!(at(listen.arguments[0].span), "'a b'");
        assert_eq!(at(parsed.tree[0].span), "server");
        assert_eq!(listen.span.file, FileId(3));
    }
}
