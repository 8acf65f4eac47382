//! What a client decides: which variables carry what it sent, and which characters those can hold.

use std::collections::{BTreeMap, BTreeSet};

use flaskseal_core::Span;

use super::configuration::{Configuration, LevelId, LevelKind};
use super::pattern::{Characters, Group, Pattern};
use super::syntax::Directive;

/// A piece of a word: text, or the name of a variable without `$`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    Text(String),
    Variable(String),
}

/// One way in which a client decides what a variable holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reach {
    /// What the client sends, as nginx calls it: `uri`, `arg_target`, `http_x_host`.
    pub origin: String,
    /// The characters that can arrive.
    pub characters: Characters,
    /// What the value can begin with.
    pub first: Characters,
    /// Where the value passes through: a `set`, a `map`, the pattern that captures it.
    pub by: Option<Span>,
    /// nginx escapes the value where it stands in a redirect of `rewrite`: a group by number.
    pub is_numbered: bool,
    /// nginx compares the value with the names of the server before it gets here.
    pub is_selected: bool,
}

/// Splits a word into text and variables: `$name`, `${name}`, `$1`.
pub fn parts(text: &str) -> Vec<Part> {
    let mut found = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        plain.push_str(before);
        let (name, behind) = match after.strip_prefix('{') {
            Some(braced) => braced.split_once('}').unwrap_or((braced, "")),
            None => {
                // A group by number is one digit: `$10` is `$1` and `0`.
                let end = if after.starts_with(|c: char| c.is_ascii_digit()) {
                    1
                } else {
                    after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len())
                };
                after.split_at(end)
            }
        };
        if name.is_empty() {
            plain.push('$');
        } else {
            if !plain.is_empty() {
                found.push(Part::Text(std::mem::take(&mut plain)));
            }
            found.push(Part::Variable(name.to_owned()));
        }
        rest = behind;
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        found.push(Part::Text(plain));
    }
    found
}

/// How often variables may be made of each other.
const MAX_DEPTH: usize = 8;
const MAX_REACHES: usize = 8;
/// Levels that are asked for the values of one variable.
const MAX_MAKERS: usize = 16;
/// Tests of one level that are asked what they let through.
const MAX_TESTS: usize = 16;

impl Configuration {
    /// Every way in which a client decides what a variable holds, where `directive` of a level reads it.
    pub fn reaches(&self, level: LevelId, directive: &Directive, variable: &str) -> Vec<Reach> {
        let mut found = Vec::new();
        self.collect(level, directive.span, Some(directive), variable, MAX_DEPTH, &mut found);
        found.retain(|reach| !reach.characters.is_empty());
        found.truncate(MAX_REACHES);
        found
    }

    /// The same for all variables of a word.
    pub fn reaches_of(&self, level: LevelId, directive: &Directive, text: &str) -> Vec<Reach> {
        let mut found = Vec::new();
        for part in parts(text) {
            if let Part::Variable(name) = part {
                found.extend(self.reaches(level, directive, &name));
            }
        }
        found
    }

    fn collect(
        &self,
        level: LevelId,
        at: Span,
        reader: Option<&Directive>,
        variable: &str,
        depth: usize,
        found: &mut Vec<Reach>,
    ) {
        if depth == 0 || found.len() >= MAX_REACHES {
            return;
        }
        let before = found.len();
        if let Some(index) = variable.parse::<usize>().ok().filter(|_| variable.len() == 1) {
            self.capture(level, at, reader, index, depth, found);
        } else if !self.made(level, variable, depth, found) {
            found.extend(built_in(variable));
        }
        for reach in found.iter_mut().skip(before) {
            self.narrow(level, at, variable, reach);
        }
    }

    /// A group by number: of the directive's own pattern, or of the nearest one that was tried before.
    fn capture(
        &self,
        level: LevelId,
        at: Span,
        reader: Option<&Directive>,
        index: usize,
        depth: usize,
        found: &mut Vec<Reach>,
    ) {
        let group = |pattern: &Pattern| pattern.groups().iter().find(|group| group.index == index).cloned();
        if let Some(rewrite) = reader.filter(|reader| reader.is("rewrite")) {
            if let Some(group) = rewrite.argument(0).and_then(|text| group(&Pattern::new(text, false))) {
                self.group(level, rewrite.span, "uri", &group, true, depth, found);
            }
            return;
        }
        for id in self.chain(level) {
            let here = self.level(id);
            // The last pattern tried before counts; one that ends the processing when it matches does not.
            let earlier = self.own(id, "rewrite").filter(|rewrite| {
                rewrite.span.file == at.file
                    && rewrite.span.range.end <= at.range.start
                    && rewrite.arguments.len() < 3
            });
            if let Some((rewrite, group)) = earlier
                .filter_map(|rewrite| Some((rewrite, group(&Pattern::new(rewrite.argument(0)?, false))?)))
                .last()
            {
                return self.group(id, rewrite.span, "uri", &group, true, depth, found);
            }
            let Some(head) = &here.head else { continue };
            match here.kind {
                LevelKind::If => {
                    if let Some(test) = Test::of(head)
                        && let Some(group) = test.pattern().as_ref().and_then(group)
                    {
                        let outer = here.parent.unwrap_or(id);
                        return self.group(outer, head.span, &test.variable, &group, true, depth, found);
                    }
                }
                LevelKind::Location => {
                    if let Some(group) = location_pattern(head).as_ref().and_then(group) {
                        return self.group(id, head.span, "uri", &group, true, depth, found);
                    }
                }
                LevelKind::Server => {
                    for name in self.own(id, "server_name").flat_map(|names| &names.arguments) {
                        let pattern = name.text.strip_prefix('~').map(|text| Pattern::new(text, true));
                        if let Some(group) = pattern.as_ref().and_then(group) {
                            return self.group(id, name.span, "host", &group, true, depth, found);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// A group holds what it captures of its subject.
    #[expect(clippy::too_many_arguments, reason = "where it is read, and what of which pattern")]
    fn group(
        &self,
        level: LevelId,
        at: Span,
        subject: &str,
        group: &Group,
        is_numbered: bool,
        depth: usize,
        found: &mut Vec<Reach>,
    ) {
        if group.is_named {
            return;
        }
        let mut subjects = Vec::new();
        match subject {
            "uri" => subjects.extend(built_in("uri")),
            "host" => subjects.extend(built_in("host")),
            other => self.collect(level, at, None, other, depth - 1, &mut subjects),
        }
        found.extend(subjects.into_iter().map(|subject| Reach {
            characters: subject.characters.intersection(group.characters),
            first: subject.characters.intersection(group.first),
            by: Some(at),
            is_numbered,
            is_selected: subject.is_selected,
            origin: subject.origin,
        }));
    }

    /// A variable that the configuration makes: with `set`, `map`, a named group. False: it makes none of this name.
    fn made(&self, level: LevelId, variable: &str, depth: usize, found: &mut Vec<Reach>) -> bool {
        let mut is_made = false;
        let near: BTreeSet<LevelId> = self.reachable(level);
        let dollar = format!("${variable}");
        // What stands in the server at hand counts; elsewhere only where it says nothing.
        for only_near in [true, false] {
            let makers = self.makers.get(variable).into_iter().flatten().copied();
            for id in makers.filter(|id| near.contains(id) == only_near).take(MAX_MAKERS) {
                for directive in self.level(id).directives() {
                    match directive.name.text.as_str() {
                        "set" if directive.argument(0) == Some(dollar.as_str()) => {
                            is_made = true;
                            let text = directive.argument(1).unwrap_or("");
                            self.text(id, directive, text, variable, depth, found);
                        }
                        "auth_request_set" | "perl_set" | "js_set" | "js_var" | "set_by_lua"
                        | "set_by_lua_file" | "set_by_lua_block"
                            if directive.argument(0) == Some(dollar.as_str()) =>
                        {
                            is_made = true;
                        }
                        "rewrite" => {
                            let pattern = directive.argument(0).map(|text| Pattern::new(text, false));
                            is_made |= self.named(id, directive.span, "uri", pattern, variable, depth, found);
                        }
                        "server_name" => {
                            for name in &directive.arguments {
                                let pattern =
                                    name.text.strip_prefix('~').map(|text| Pattern::new(text, true));
                                is_made |= self.named(id, name.span, "host", pattern, variable, depth, found);
                            }
                        }
                        _ => {}
                    }
                }
                let Some(head) = &self.level(id).head else { continue };
                match self.level(id).kind {
                    LevelKind::Location => {
                        let pattern = location_pattern(head);
                        is_made |= self.named(id, head.span, "uri", pattern, variable, depth, found);
                    }
                    LevelKind::If => {
                        if let Some(test) = Test::of(head) {
                            let pattern = test.pattern();
                            is_made |=
                                self.named(id, head.span, &test.variable, pattern, variable, depth, found);
                        }
                    }
                    LevelKind::Map if head.argument(1) == Some(dollar.as_str()) => {
                        is_made = true;
                        self.map(id, head, depth, found);
                    }
                    LevelKind::Geo | LevelKind::SplitClients
                        if head.arguments.last().is_some_and(|word| word.text == dollar) =>
                    {
                        is_made = true;
                    }
                    LevelKind::Map => {
                        for entry in self.level(id).directives() {
                            let subject = head.argument(0).unwrap_or("").trim_start_matches('$').to_owned();
                            let pattern = map_pattern(entry);
                            is_made |= self.named(id, entry.span, &subject, pattern, variable, depth, found);
                        }
                    }
                    _ => {}
                }
            }
            if is_made {
                return true;
            }
        }
        false
    }

    /// The levels around a level, and what is directly inside them: where its variables are set.
    fn reachable(&self, level: LevelId) -> BTreeSet<LevelId> {
        let mut near: BTreeSet<LevelId> = self.chain(level).collect();
        let around: Vec<LevelId> = near.iter().copied().collect();
        for id in around {
            near.extend(self.blocks(id, LevelKind::If));
            near.extend(self.blocks(id, LevelKind::Map));
            near.extend(self.blocks(id, LevelKind::Geo));
            near.extend(self.blocks(id, LevelKind::SplitClients));
        }
        near
    }

    #[expect(clippy::too_many_arguments, reason = "where it is read, and what of which pattern")]
    fn named(
        &self,
        level: LevelId,
        at: Span,
        subject: &str,
        pattern: Option<Pattern>,
        variable: &str,
        depth: usize,
        found: &mut Vec<Reach>,
    ) -> bool {
        let Some(pattern) = pattern else { return false };
        let group = pattern.groups().iter().find(|group| group.name.as_deref() == Some(variable));
        let Some(group) = group else { return false };
        self.group(level, at, subject, group, false, depth, found);
        true
    }

    fn map(&self, id: LevelId, head: &Directive, depth: usize, found: &mut Vec<Reach>) {
        let subject = head.argument(0).unwrap_or("").trim_start_matches('$').to_owned();
        for entry in self.level(id).directives() {
            let Some(value) = entry.argument(0) else { continue };
            if entry.is("include") || entry.is("hostnames") || entry.is("volatile") {
                continue;
            }
            let pattern = map_pattern(entry);
            for part in parts(value) {
                let Part::Variable(name) = part else { continue };
                let group = pattern.as_ref().and_then(|pattern| {
                    pattern.groups().iter().find(|group| {
                        group.name.as_deref() == Some(&*name) || name.parse() == Ok(group.index)
                    })
                });
                match group {
                    Some(group) => self.group(id, entry.span, &subject, group, false, depth, found),
                    // Whatever names the subject exactly is that text and nothing else.
                    None if name == subject && !entry.is("default") && pattern.is_none() => {}
                    None => {
                        let before = found.len();
                        self.collect(id, entry.span, None, &name, depth - 1, found);
                        for reach in found.iter_mut().skip(before) {
                            reach.by = Some(entry.span);
                        }
                    }
                }
            }
        }
    }

    /// What a variable holds that is set to a text.
    fn text(
        &self,
        level: LevelId,
        directive: &Directive,
        text: &str,
        variable: &str,
        depth: usize,
        found: &mut Vec<Reach>,
    ) {
        for (index, part) in parts(text).into_iter().enumerate() {
            let Part::Variable(name) = part else { continue };
            // `set $x $x-more` only adds.
            if name == variable {
                continue;
            }
            let before = found.len();
            self.collect(level, directive.span, None, &name, depth - 1, found);
            for reach in found.iter_mut().skip(before) {
                reach.by = Some(directive.span);
                reach.is_numbered = false;
                if index > 0 {
                    reach.first = Characters::NONE;
                }
            }
        }
    }

    /// What tests around the place leave of a value: `if ($x !~ ^[a-z]+$) { return 404; }` before it, an exact
    /// location around it.
    fn narrow(&self, level: LevelId, at: Span, variable: &str, reach: &mut Reach) {
        for id in self.chain(level) {
            let here = self.level(id);
            for block in self.blocks(id, LevelKind::If).take(MAX_TESTS) {
                let Some(test) = self.level(block).head.as_ref().and_then(Test::of) else { continue };
                let before = self
                    .place(block)
                    .is_some_and(|place| place.file == at.file && place.range.end <= at.range.start);
                let ends = self.own(block, "return").next().is_some();
                if before && ends && test.negated && test.variable == variable {
                    reach.characters = reach.characters.intersection(test.allowed());
                    reach.first = reach.first.intersection(test.allowed());
                }
            }
            let Some(head) = &here.head else { continue };
            match here.kind {
                LevelKind::If => {
                    if let Some(test) = Test::of(head)
                        && !test.negated
                        && test.variable == variable
                    {
                        reach.characters = reach.characters.intersection(test.allowed());
                        reach.first = reach.first.intersection(test.allowed());
                    }
                }
                LevelKind::Location if matches!(variable, "uri" | "document_uri" | "request_filename") => {
                    let allowed = match head.argument(0) {
                        Some("=") => Characters::NONE,
                        Some("~" | "~*") => match location_pattern(head) {
                            Some(pattern) if pattern.is_held_at_start() && pattern.is_held_at_end() => {
                                pattern.characters()
                            }
                            _ => Characters::ALL,
                        },
                        _ => Characters::ALL,
                    };
                    reach.characters = reach.characters.intersection(allowed);
                }
                _ => {}
            }
        }
    }
}

/// The levels that give variables their values: with `set` and its kin, with a `map`, with a named group.
pub(super) fn makers(configuration: &Configuration) -> BTreeMap<String, BTreeSet<LevelId>> {
    let mut makers: BTreeMap<String, BTreeSet<LevelId>> = BTreeMap::new();
    for id in configuration.ids() {
        let mut add = |name: &str| {
            makers.entry(name.trim_start_matches('$').to_owned()).or_default().insert(id);
        };
        let level = configuration.level(id);
        for directive in level.directives() {
            let name = directive.name.text.as_str();
            match name {
                "set" | "auth_request_set" | "perl_set" | "js_set" | "js_var" => {
                    add(directive.argument(0).unwrap_or(""));
                }
                _ if name.starts_with("set_by_lua") => add(directive.argument(0).unwrap_or("")),
                _ => {}
            }
            for text in std::iter::once(name).chain(directive.arguments.iter().map(|word| word.text.as_str()))
            {
                group_names(text).for_each(&mut add);
            }
        }
        let Some(head) = &level.head else { continue };
        match level.kind {
            LevelKind::Map | LevelKind::Geo | LevelKind::SplitClients => {
                add(head.arguments.last().map_or("", |word| word.text.as_str()));
            }
            _ => head.arguments.iter().for_each(|word| group_names(&word.text).for_each(&mut add)),
        }
    }
    makers
}

/// The names of `(?<name>...)`, `(?P<name>...)` and `(?'name'...)` in a text that may be a pattern.
fn group_names(text: &str) -> impl Iterator<Item = &str> {
    text.split("(?").skip(1).filter_map(|rest| {
        let rest = rest.strip_prefix('P').unwrap_or(rest);
        let rest = rest.strip_prefix(['<', '\''])?;
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
        rest.get(..end).filter(|name| !name.is_empty())
    })
}

/// The pattern of `location ~ pattern`.
pub(super) fn location_pattern(head: &Directive) -> Option<Pattern> {
    let first = head.argument(0)?;
    match (first, head.argument(1)) {
        ("~", Some(text)) => Some(Pattern::new(text, false)),
        ("~*", Some(text)) => Some(Pattern::new(text, true)),
        // `location ~^/a` without a blank is read by nginx all the same.
        (joined, None) => {
            let text = joined.strip_prefix('~')?;
            match text.strip_prefix('*') {
                Some(text) => Some(Pattern::new(text, true)),
                None => Some(Pattern::new(text, false)),
            }
        }
        _ => None,
    }
}

fn map_pattern(entry: &Directive) -> Option<Pattern> {
    let text = entry.name.text.strip_prefix('~')?;
    Some(match text.strip_prefix('*') {
        Some(text) => Pattern::new(text, true),
        None => Pattern::new(text, false),
    })
}

/// The condition of an `if`.
#[derive(Clone, Debug)]
pub struct Test {
    /// Without `$`.
    pub variable: String,
    /// `=`, `~` and their kin; empty where the variable is only asked for.
    pub operator: String,
    pub value: String,
    pub negated: bool,
}

impl Test {
    /// Takes `if ($variable operator value)` apart. None for tests of files.
    pub fn of(head: &Directive) -> Option<Self> {
        let mut words: Vec<&str> = head.arguments.iter().map(|word| word.text.as_str()).collect();
        if let Some(first) = words.first_mut() {
            *first = first.strip_prefix('(')?;
        }
        if let Some(last) = words.last_mut() {
            *last = last.strip_suffix(')')?;
        }
        let mut words = words.into_iter().filter(|word| !word.is_empty());
        let variable = words.next()?.strip_prefix('$')?;
        let variable = variable.trim_start_matches('{').trim_end_matches('}').to_owned();
        let operator = words.next().unwrap_or("").to_owned();
        let value = words.next().unwrap_or("").to_owned();
        let negated = operator.starts_with('!');
        Some(Self { variable, operator, value, negated })
    }

    pub fn pattern(&self) -> Option<Pattern> {
        match self.operator.trim_start_matches('!') {
            "~" => Some(Pattern::new(&self.value, false)),
            "~*" => Some(Pattern::new(&self.value, true)),
            _ => None,
        }
    }

    /// What the variable can hold where the test, apart from its negation, holds.
    fn allowed(&self) -> Characters {
        match self.pattern() {
            Some(pattern) if pattern.is_held_at_start() && pattern.is_held_at_end() => pattern.characters(),
            Some(_) => Characters::ALL,
            None if matches!(self.operator.as_str(), "=" | "!=") => Characters::NONE,
            None => Characters::ALL,
        }
    }
}

/// Variables of nginx that hold what the client sent. Others are nginx's own, or come from the upstream.
fn built_in(name: &str) -> Option<Reach> {
    let controls = (0..=0x1f_u8).chain([0x7f]).fold(Characters::ALL, Characters::without);
    let header = Characters::ALL.without(b'\n').without(b'\r').without(0);
    let slash = Characters::of(b'/');
    let (characters, first) = match name {
        // Decoded: `%0a` has become a line break.
        "uri" | "document_uri" | "fastcgi_script_name" => (Characters::ALL, slash),
        "request_filename" | "fastcgi_path_info" => (Characters::ALL, slash),
        "request_body" => (Characters::ALL, Characters::ALL),
        "request_uri" => (controls.without(b' '), slash),
        "args" | "query_string" => (controls.without(b' '), controls),
        "host" => (controls.without(b' ').without(b'/'), controls.without(b'/')),
        "request"
        | "remote_user"
        | "http_host"
        | "ssl_server_name"
        | "content_type"
        | "request_method"
        | "proxy_add_x_forwarded_for"
        | "ssl_client_s_dn"
        | "ssl_preread_server_name" => (header, header),
        _ if name.starts_with("arg_") => (controls.without(b' '), controls),
        _ if name.starts_with("http_") || name.starts_with("cookie_") => (header, header),
        _ => return None,
    };
    let is_selected = name == "host";
    Some(Reach { origin: name.to_owned(), characters, first, by: None, is_numbered: false, is_selected })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_fall_into_text_and_variables() {
        let text = |text: &str| Part::Text(text.to_owned());
        let variable = |name: &str| Part::Variable(name.to_owned());
        assert_eq!(
            parts("http://$host${uri}x$10$"),
            [text("http://"), variable("host"), variable("uri"), text("x"), variable("1"), text("0$"),]
        );
        assert_eq!(parts(""), []);
    }
}
