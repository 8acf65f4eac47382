//! JavaScript, as far as it takes to know whether a place is inside a string, a template literal or a comment.

/// Where in a script something stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Place {
    Code,
    /// In a string between these quotes.
    Single,
    Double,
    /// In a template literal, outside of `${…}`.
    Template,
    Regex,
    /// To the end of the line.
    LineComment,
    BlockComment,
}

/// `${…}` inside template literals inside `${…}` that is followed.
const MAX_NESTING: usize = 16;

/// The lexical state of a script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Script {
    place: Place,
    /// For every `${` that is open: how many braces are open inside it.
    nesting: Vec<u32>,
    /// The last characters that are neither white space nor comment; they tell a division from a regular expression.
    before: Before,
    last: Option<char>,
    /// After a backslash.
    escaped: bool,
    /// In a class of a regular expression, where `/` means itself.
    in_class: bool,
}

/// What a `/` would follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Before {
    /// An operator, an opening bracket, or nothing: a regular expression may begin.
    Operator,
    /// A name, a number, a closing bracket.
    Operand,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self {
            place: Place::Code,
            nesting: Vec::new(),
            before: Before::Operator,
            last: None,
            escaped: false,
            in_class: false,
        }
    }

    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// Something is printed here.
    pub(crate) fn hole(&mut self) {
        self.before = Before::Operand;
        self.last = None;
        self.escaped = false;
    }

    pub(crate) fn character(&mut self, character: char) {
        let last = self.last.replace(character);
        match self.place {
            Place::Code => self.code(character, last),
            Place::Single | Place::Double | Place::Template | Place::Regex if self.escaped => {
                self.escaped = false;
            }
            Place::Single | Place::Double | Place::Template | Place::Regex if character == '\\' => {
                self.escaped = true;
            }
            Place::Single => self.quoted(character, '\''),
            Place::Double => self.quoted(character, '"'),
            Place::Template => match character {
                '`' => self.operand(),
                '{' if last == Some('$') && self.nesting.len() < MAX_NESTING => {
                    self.nesting.push(0);
                    self.place = Place::Code;
                    self.before = Before::Operator;
                }
                _ => {}
            },
            Place::Regex => match character {
                '[' => self.in_class = true,
                ']' => self.in_class = false,
                '/' if !self.in_class => self.operand(),
                '\n' => self.operand(),
                _ => {}
            },
            Place::LineComment => {
                if character == '\n' {
                    self.place = Place::Code;
                }
            }
            Place::BlockComment => {
                if character == '/' && last == Some('*') {
                    self.place = Place::Code;
                    self.last = None;
                }
            }
        }
    }

    fn code(&mut self, character: char, last: Option<char>) {
        match character {
            '\'' => self.place = Place::Single,
            '"' => self.place = Place::Double,
            '`' => self.place = Place::Template,
            '/' if last == Some('/') => self.place = Place::LineComment,
            '*' if last == Some('/') => {
                self.place = Place::BlockComment;
                self.last = None;
            }
            '/' => {}
            '{' => {
                if let Some(open) = self.nesting.last_mut() {
                    *open += 1;
                }
                self.before = Before::Operator;
            }
            '}' => match self.nesting.last_mut() {
                Some(0) => {
                    self.nesting.pop();
                    self.place = Place::Template;
                }
                Some(open) => *open -= 1,
                None => self.before = Before::Operand,
            },
            _ if last == Some('/') && self.before == Before::Operator && character != '=' => {
                // The `/` before this began a regular expression.
                self.place = Place::Regex;
                self.in_class = character == '[';
                self.escaped = character == '\\';
            }
            _ if character.is_whitespace() => self.last = None,
            ')' | ']' => self.before = Before::Operand,
            _ if character.is_alphanumeric() || matches!(character, '_' | '$') => {
                self.before = Before::Operand;
            }
            _ => self.before = Before::Operator,
        }
    }

    fn quoted(&mut self, character: char, quote: char) {
        // A line break ends a string as an error: what follows is code again.
        if character == quote || character == '\n' {
            self.operand();
        }
    }

    fn operand(&mut self) {
        self.place = Place::Code;
        self.before = Before::Operand;
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        let mut script = Script::new();
        text.chars().for_each(|character| script.character(character));
        script.place()
    }

    #[test]
    fn places_in_a_script() {
        for (text, expected) in [
            ("var a = ", Place::Code),
            ("var a = '", Place::Single),
            ("var a = \"it's ", Place::Double),
            ("var a = 'it\\'s ", Place::Single),
            ("var a = 'x'; // it's ", Place::LineComment),
            ("// it's\nb(\"", Place::Double),
            ("/* it's ", Place::BlockComment),
            ("/* it's */ a = ", Place::Code),
            ("f(`a ", Place::Template),
            ("f(`a ${ g({}) + ", Place::Code),
            ("f(`a ${ g({}) } ", Place::Template),
            ("x.replace(/['\"]/g, '", Place::Single),
            ("a / b; c = '", Place::Single),
            ("(a) / 2 + \"", Place::Double),
            ("u = 'http://x/", Place::Single),
        ] {
            assert_eq!(place(text), expected, "{text}");
        }
    }
}
