//! The HTML tokenizer of the WHATWG standard (section 13.2.5) with holes: places at which something is printed that
//! is not known.
//!
//! Crates that tokenise HTML keep their state to themselves and want all of the text; here the state itself is the
//! answer, and it branches and joins with the control flow of the template. Left out are what only trees need
//! (`DOCTYPE`, CDATA in foreign content) and the double escaping of scripts.

use std::sync::Arc;

use flaskseal_core::TextRange;

use crate::script::{Place, Script};
use crate::url::{self, UrlPlace};

/// Where something is printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Position {
    /// Between tags, or in the text of `title` and `textarea`.
    Text,
    /// As the name of a tag, or a part of it.
    TagName,
    /// In a tag where attributes stand: whole attributes, or a part of a name.
    AttributeList,
    Attribute {
        element: Arc<str>,
        name: Arc<str>,
        quote: Quote,
        value: Value,
    },
    /// In a `script` element that a browser runs.
    Script(Place),
    /// In a `script` element that holds data.
    ScriptData,
    Style,
    Comment,
    /// Branches before it end in different places.
    Unknown,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Quote {
    None,
    Single,
    Double,
}

/// What the value of an attribute is read as, at the place of the output.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Value {
    Plain,
    /// An address that is loaded or followed.
    Url(UrlPlace),
    /// Script: the attribute of an event, or what follows `javascript:`.
    Script(Place),
    Style,
    /// A page of its own.
    Srcdoc,
}

/// A tag that was read to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tag {
    /// In lower case; empty where it is printed.
    pub name: Arc<str>,
    pub is_end: bool,
    pub range: TextRange,
    pub attributes: Vec<Attribute>,
    /// Something is printed where attributes stand: there may be more.
    pub open: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attribute {
    /// In lower case.
    pub name: Arc<str>,
    pub name_range: TextRange,
    /// What is written of the value, up to the first output; long values are cut.
    pub literal: String,
    /// Something is printed in it.
    pub dynamic: bool,
    /// Without quotes; empty where there is none.
    pub value_range: TextRange,
    pub quote: Quote,
}

impl Tag {
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| *attribute.name == *name)
    }
}

/// Literal text of a value that is kept.
const MAX_LITERAL: usize = 1024;
/// Attributes of one tag that are kept.
const MAX_ATTRIBUTES: usize = 128;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Data,
    TagOpen,
    EndTagOpen,
    TagName,
    /// Where attributes stand, in none of them.
    Between,
    AttributeName,
    AfterAttributeName,
    BeforeValue,
    Value(Quote),
    /// `<!`, before it is known what it becomes.
    Declaration,
    /// Up to `>`.
    Bogus,
    Comment,
    /// In an element whose text is no markup: only its own end tag counts.
    RawText,
    Unknown,
}

/// The tokenizer between two characters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Html {
    state: State,
    /// The tag that is being read, or the last one.
    tag: Option<Tag>,
    /// The element whose raw text is being read.
    raw: Arc<str>,
    /// The type of the script that is being read: none that a browser runs.
    is_data: bool,
    script: Script,
    /// What was read since the state began, as far as that matters: `<!-`, `</scr`, `--`.
    pending: String,
    /// Nothing of the value may have been written or printed yet.
    maybe_empty: bool,
}

impl Html {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Data,
            tag: None,
            raw: "".into(),
            is_data: false,
            script: Script::new(),
            pending: String::new(),
            maybe_empty: true,
        }
    }

    /// Reads literal text that begins at this byte of the file; tags that end in it go to `tags`.
    pub(crate) fn text(&mut self, text: &str, offset: u32, tags: &mut Vec<Tag>) {
        for (at, character) in text.char_indices() {
            let at = offset + at as u32;
            self.character(character, at, at + character.len_utf8() as u32, tags);
        }
    }

    /// Where something that is printed now would stand.
    pub(crate) fn position(&self) -> Position {
        match self.state {
            State::Data | State::Declaration => Position::Text,
            State::TagOpen | State::EndTagOpen | State::TagName => Position::TagName,
            State::Between | State::AttributeName | State::AfterAttributeName => Position::AttributeList,
            State::BeforeValue => self.in_value(Quote::None),
            State::Value(quote) => self.in_value(quote),
            State::Bogus | State::Comment => Position::Comment,
            State::RawText => match &*self.raw {
                "script" if self.is_data => Position::ScriptData,
                "script" => Position::Script(self.script.place()),
                "style" => Position::Style,
                _ => Position::Text,
            },
            State::Unknown => Position::Unknown,
        }
    }

    /// Something is printed here, of which nothing is known but that it stays at its place.
    pub(crate) fn hole(&mut self, range: TextRange) {
        match self.state {
            State::TagOpen | State::EndTagOpen => {
                self.begin_tag(range.start, self.state == State::EndTagOpen);
                self.state = State::TagName;
            }
            State::Between | State::AfterAttributeName => {
                self.begin_attribute(range);
                self.state = State::AttributeName;
            }
            State::BeforeValue => {
                self.begin_value(Quote::None, range.start);
                self.state = State::Value(Quote::None);
            }
            _ => {}
        }
        match self.state {
            State::AttributeName | State::Between => {
                if let Some(tag) = &mut self.tag {
                    tag.open = true;
                }
            }
            State::Value(_) => {
                let is_script = self.is_handler();
                self.maybe_empty = false;
                if let Some(attribute) = self.attribute() {
                    attribute.dynamic = true;
                    attribute.value_range.end = attribute.value_range.end.max(range.end);
                }
                if is_script {
                    self.script.hole();
                }
            }
            State::RawText => {
                self.flush();
                self.script.hole();
            }
            _ => {}
        }
    }

    /// The state after two branches that began at the same place.
    pub(crate) fn join(self, other: Self) -> Self {
        if self == other {
            return self;
        }
        let (a, b) = (self.settled(), other.settled());
        let (a, b) = (a.beside(&b), b.beside(&a));
        let is_same_place = a.state == b.state
            && a.raw == b.raw
            && a.is_data == b.is_data
            && a.script.place() == b.script.place()
            && a.current_name() == b.current_name();
        if !is_same_place {
            return Self { state: State::Unknown, ..a };
        }
        let mut joined = a;
        joined.maybe_empty |= b.maybe_empty;
        if let (Some(tag), Some(more)) = (&mut joined.tag, b.tag) {
            tag.open |= more.open;
            let in_value = matches!(joined.state, State::Value(_));
            if in_value && let (Some(last), Some(other)) = (tag.attributes.last_mut(), more.attributes.last())
            {
                if last.literal != other.literal {
                    // Either text may be before it; the longer one says more of where it is.
                    if other.literal.len() > last.literal.len() {
                        last.literal.clone_from(&other.literal);
                    }
                    last.dynamic = true;
                }
                last.dynamic |= other.dynamic;
                last.value_range.end = last.value_range.end.max(other.value_range.end);
            } else {
                for attribute in more.attributes {
                    let is_known = tag.attributes.iter().any(|a| a.name_range == attribute.name_range);
                    if !is_known && tag.attributes.len() < MAX_ATTRIBUTES {
                        tag.attributes.push(attribute);
                    }
                }
            }
        }
        joined
    }

    /// The same place, if nothing that belongs to a name or value follows.
    fn settled(mut self) -> Self {
        if matches!(self.state, State::AttributeName | State::AfterAttributeName) {
            self.state = State::Between;
        }
        self
    }

    /// A name or an unquoted value ends where the other branch has gone on to the next attribute.
    fn beside(&self, other: &Self) -> Self {
        let mut settled = self.clone();
        if other.state == State::Between && matches!(self.state, State::TagName | State::Value(Quote::None)) {
            settled.state = State::Between;
        }
        settled
    }

    fn current_name(&self) -> Option<(&str, Option<&str>)> {
        let in_tag =
            matches!(self.state, State::TagName | State::Between | State::BeforeValue | State::Value(_));
        let tag = self.tag.as_ref().filter(|_| in_tag)?;
        let in_value = matches!(self.state, State::BeforeValue | State::Value(_));
        let attribute = tag.attributes.last().filter(|_| in_value).map(|attribute| &*attribute.name);
        Some((&tag.name, attribute))
    }

    fn character(&mut self, character: char, at: u32, end: u32, tags: &mut Vec<Tag>) {
        let is_space = matches!(character, ' ' | '\t' | '\n' | '\r' | '\x0c');
        match self.state {
            State::Data | State::Unknown => {
                if character == '<' {
                    self.pending.clear();
                    // Where it is not known what this is, a tag that begins is the best that can be had.
                    if self.state == State::Data {
                        self.state = State::TagOpen;
                        self.begin_tag(at, false);
                    } else {
                        self.pending.push('<');
                    }
                } else if self.state == State::Unknown && self.pending == "<" {
                    self.pending.clear();
                    if character.is_ascii_alphabetic() || matches!(character, '/' | '!') {
                        self.begin_tag(at.saturating_sub(1), false);
                        self.state = State::TagOpen;
                        self.character(character, at, end, tags);
                    }
                }
            }
            State::TagOpen => match character {
                '!' => {
                    self.state = State::Declaration;
                    self.pending.clear();
                }
                '/' => self.state = State::EndTagOpen,
                '?' => self.state = State::Bogus,
                _ if character.is_ascii_alphabetic() => {
                    self.state = State::TagName;
                    self.character(character, at, end, tags);
                }
                '<' => self.begin_tag(at, false),
                _ => self.state = State::Data,
            },
            State::EndTagOpen => match character {
                _ if character.is_ascii_alphabetic() => {
                    if let Some(tag) = &mut self.tag {
                        tag.is_end = true;
                    }
                    self.state = State::TagName;
                    self.character(character, at, end, tags);
                }
                '>' => self.state = State::Data,
                _ => self.state = State::Bogus,
            },
            State::TagName => match character {
                '>' => self.end_tag(end, tags),
                '/' => self.state = State::Between,
                _ if is_space => self.state = State::Between,
                _ => {
                    if let Some(tag) = &mut self.tag
                        && tag.name.len() < MAX_LITERAL
                    {
                        tag.name = format!("{}{}", tag.name, character.to_ascii_lowercase()).into();
                    }
                }
            },
            State::Between | State::AfterAttributeName => match character {
                '>' => self.end_tag(end, tags),
                '=' if self.state == State::AfterAttributeName => self.state = State::BeforeValue,
                '/' => self.state = State::Between,
                _ if is_space => {}
                _ => {
                    self.begin_attribute(TextRange::new(at, at));
                    self.state = State::AttributeName;
                    self.character(character, at, end, tags);
                }
            },
            State::AttributeName => match character {
                '>' => self.end_tag(end, tags),
                '=' => self.state = State::BeforeValue,
                '/' => self.state = State::Between,
                _ if is_space => self.state = State::AfterAttributeName,
                _ => {
                    if let Some(attribute) = self.attribute() {
                        if attribute.name.len() < 128 {
                            attribute.name =
                                format!("{}{}", attribute.name, character.to_ascii_lowercase()).into();
                        }
                        attribute.name_range.end = end;
                    }
                }
            },
            State::BeforeValue => match character {
                '"' => self.enter_value(Quote::Double, end),
                '\'' => self.enter_value(Quote::Single, end),
                '>' => self.end_tag(end, tags),
                _ if is_space => {}
                _ => {
                    self.enter_value(Quote::None, at);
                    self.character(character, at, end, tags);
                }
            },
            State::Value(quote) => match (quote, character) {
                (Quote::Double, '"') | (Quote::Single, '\'') => self.state = State::Between,
                (Quote::None, '>') => self.end_tag(end, tags),
                (Quote::None, _) if is_space => self.state = State::Between,
                _ => self.value_character(character, end),
            },
            State::Declaration => {
                self.pending.push(character);
                if self.pending == "--" {
                    self.pending.clear();
                    self.state = State::Comment;
                } else if self.pending != "-" {
                    self.pending.clear();
                    self.state = State::Bogus;
                    self.character(character, at, end, tags);
                }
            }
            State::Bogus => {
                if character == '>' {
                    self.state = State::Data;
                }
            }
            State::Comment => {
                // `-->` ends it, and so do `--!>` and a `>` that follows `<!--` at once.
                let closes =
                    character == '>' && matches!(&*self.pending, "" | "-" | "--" | "--!" | "c--" | "c--!");
                if closes {
                    self.state = State::Data;
                    self.pending.clear();
                    return;
                }
                let dashes = self.pending.ends_with('-') && character == '-';
                self.pending = match character {
                    '-' if dashes => "c--".into(),
                    '-' => "c-".into(),
                    '!' if self.pending == "c--" => "c--!".into(),
                    _ => "c".into(),
                };
            }
            State::RawText => self.raw_character(character, at, end, tags),
        }
    }

    fn raw_character(&mut self, character: char, at: u32, end: u32, tags: &mut Vec<Tag>) {
        if self.pending.is_empty() {
            if character == '<' {
                self.pending.push('<');
                self.begin_tag(at, true);
            } else {
                self.script_character(character);
            }
            return;
        }
        let wanted = format!("</{}", self.raw);
        if self.pending.len() == wanted.len() {
            if matches!(character, ' ' | '\t' | '\n' | '\r' | '\x0c' | '/' | '>') {
                if let Some(tag) = &mut self.tag {
                    tag.name = self.raw.clone();
                }
                self.raw = "".into();
                self.pending.clear();
                self.state = State::TagName;
                self.character(character, at, end, tags);
                return;
            }
        } else if wanted
            .get(self.pending.len()..)
            .is_some_and(|rest| rest.starts_with(character.to_ascii_lowercase()))
        {
            self.pending.push(character.to_ascii_lowercase());
            return;
        }
        self.flush();
        self.raw_character(character, at, end, tags);
    }

    /// What looked like the end of raw text and is none.
    fn flush(&mut self) {
        for character in std::mem::take(&mut self.pending).chars() {
            self.script_character(character);
        }
    }

    fn script_character(&mut self, character: char) {
        if &*self.raw == "script" && !self.is_data {
            self.script.character(character);
        }
    }

    fn value_character(&mut self, character: char, end: u32) {
        let is_handler = self.is_handler();
        let mut is_script_url = false;
        self.maybe_empty &= character.is_whitespace();
        if let Some(attribute) = self.attribute() {
            if !attribute.dynamic && attribute.literal.len() < MAX_LITERAL {
                attribute.literal.push(character);
                is_script_url = character == ':' && url::place(&attribute.literal) == UrlPlace::Script;
            }
            attribute.value_range.end = end;
        }
        if is_handler {
            self.script.character(character);
        } else if is_script_url {
            self.script = Script::new();
        }
    }

    /// Whether the value that is being read is script.
    fn is_handler(&self) -> bool {
        self.tag.as_ref().and_then(|tag| tag.attributes.last()).is_some_and(|attribute| {
            is_event(&attribute.name)
                || is_url(&attribute.name) && url::place(&attribute.literal) == UrlPlace::Script
        })
    }

    fn in_value(&self, quote: Quote) -> Position {
        let Some(tag) = &self.tag else { return Position::Unknown };
        let Some(attribute) = tag.attributes.last() else { return Position::Unknown };
        let value = if is_event(&attribute.name) {
            Value::Script(self.script.place())
        } else if &*attribute.name == "style" {
            Value::Style
        } else if &*attribute.name == "srcdoc" {
            Value::Srcdoc
        } else if is_url(&attribute.name) {
            match url::place(&attribute.literal) {
                UrlPlace::Script => Value::Script(self.script.place()),
                _ if self.maybe_empty => Value::Url(UrlPlace::Start),
                UrlPlace::Start if attribute.dynamic => Value::Url(UrlPlace::Path),
                place => Value::Url(place),
            }
        } else if &*attribute.name == "content"
            && tag.attribute("http-equiv").is_some_and(|kind| kind.literal.eq_ignore_ascii_case("refresh"))
        {
            match attribute.literal.to_ascii_lowercase().split_once("url=") {
                Some((_, before)) => Value::Url(url::place(before.trim_start_matches(['\'', '"']))),
                None => Value::Plain,
            }
        } else {
            Value::Plain
        };
        let quote = if matches!(self.state, State::BeforeValue) { Quote::None } else { quote };
        Position::Attribute { element: tag.name.clone(), name: attribute.name.clone(), quote, value }
    }

    fn attribute(&mut self) -> Option<&mut Attribute> {
        self.tag.as_mut()?.attributes.last_mut()
    }

    fn begin_tag(&mut self, at: u32, is_end: bool) {
        self.tag = Some(Tag {
            name: "".into(),
            is_end,
            range: TextRange::new(at, at),
            attributes: Vec::new(),
            open: false,
        });
    }

    fn begin_attribute(&mut self, name_range: TextRange) {
        let Some(tag) = &mut self.tag else { return };
        if tag.attributes.len() >= MAX_ATTRIBUTES {
            tag.attributes.pop();
        }
        tag.attributes.push(Attribute {
            name: "".into(),
            name_range,
            literal: String::new(),
            dynamic: false,
            value_range: TextRange::new(name_range.end, name_range.end),
            quote: Quote::None,
        });
    }

    fn begin_value(&mut self, quote: Quote, start: u32) {
        if let Some(attribute) = self.attribute() {
            attribute.quote = quote;
            attribute.value_range = TextRange::new(start, start);
        }
        self.maybe_empty = true;
        self.script = Script::new();
    }

    fn enter_value(&mut self, quote: Quote, start: u32) {
        self.begin_value(quote, start);
        self.state = State::Value(quote);
    }

    fn end_tag(&mut self, end: u32, tags: &mut Vec<Tag>) {
        self.state = State::Data;
        let Some(tag) = &mut self.tag else { return };
        tag.range.end = end;
        if !tag.is_end && matches!(&*tag.name, "script" | "style" | "textarea" | "title" | "xmp" | "iframe") {
            self.raw = tag.name.clone();
            self.is_data = &*tag.name == "script" && !runs(tag);
            self.script = Script::new();
            self.pending.clear();
            self.state = State::RawText;
        }
        tags.push(tag.clone());
    }
}

/// Whether a browser runs what stands in a `script` element.
fn runs(tag: &Tag) -> bool {
    let Some(kind) = tag.attribute("type") else { return true };
    if kind.dynamic {
        return true;
    }
    let kind = kind.literal.trim().to_ascii_lowercase();
    kind.is_empty()
        || kind == "module"
        || kind.contains("javascript")
        || kind.contains("ecmascript")
        || kind == "text/babel"
}

/// An attribute with the script of an event.
fn is_event(name: &str) -> bool {
    name.strip_prefix("on").is_some_and(|rest| rest.len() > 1 && rest.bytes().all(|b| b.is_ascii_lowercase()))
}

/// An attribute whose value is one URL that is loaded, followed or sent to.
fn is_url(name: &str) -> bool {
    matches!(
        name,
        "href"
            | "src"
            | "action"
            | "formaction"
            | "xlink:href"
            | "data"
            | "background"
            | "poster"
            | "manifest"
    )
}
