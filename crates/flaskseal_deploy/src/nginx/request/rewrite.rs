//! The rewrite phase: `set`, `if`, `rewrite`, `return`.

use super::{Run, Step, Unknown, matches};
use crate::nginx::client::Test;
use crate::nginx::configuration::{Item, LevelId, LevelKind};
use crate::nginx::redirect::returned;
use crate::nginx::syntax::Directive;

impl Run<'_> {
    /// The directives of the rewrite module at a level, with its `if` blocks, in order.
    pub(super) fn rewrite(&mut self, id: LevelId) -> Result<Step, Unknown> {
        match self.script(id)? {
            Some(Step::Next) | None => {}
            Some(step) => return Ok(step),
        }
        Ok(if self.is_changed { Step::Again } else { Step::Next })
    }

    /// Some: the processing of the module ends.
    fn script(&mut self, id: LevelId) -> Result<Option<Step>, Unknown> {
        let configuration = self.configuration;
        for item in &configuration.level(id).items {
            match item {
                Item::Block(block) if configuration.level(*block).kind == LevelKind::If => {
                    let Some(head) = &configuration.level(*block).head else { continue };
                    if !self.holds(head)? {
                        continue;
                    }
                    // In a server the block has nothing but these directives.
                    if configuration.level(id).kind == LevelKind::Location {
                        self.level = *block;
                    }
                    if let Some(step) = self.script(*block)? {
                        return Ok(Some(step));
                    }
                }
                Item::Block(_) => {}
                Item::Simple(directive) => {
                    if let Some(step) = self.one(directive)? {
                        return Ok(Some(step));
                    }
                }
            }
        }
        Ok(None)
    }

    fn one(&mut self, directive: &Directive) -> Result<Option<Step>, Unknown> {
        match directive.name.text.as_str() {
            "set" => {
                let value = self.value(directive.argument(1).unwrap_or(""))?;
                let name = directive.argument(0).unwrap_or("").trim_start_matches('$').to_owned();
                self.variables.insert(name, value);
                Ok(None)
            }
            "break" => {
                self.is_changed = false;
                Ok(Some(Step::Next))
            }
            "return" => {
                let (status, text) = returned(directive);
                let text = text.map(|text| self.value(&text)).transpose()?;
                let response = match (status, text) {
                    (301 | 302 | 303 | 307 | 308, Some(target)) => self.redirect(status, &target)?,
                    (444, _) => return Err("the connection is closed"),
                    (status, text) => self.status(status, text)?,
                };
                Ok(Some(Step::Done(Box::new(response))))
            }
            "rewrite" => self.rewritten(directive),
            name if name.contains("_by_lua") || name == "js_content" || name == "perl" => {
                Err("a module answers")
            }
            _ => Ok(None),
        }
    }

    fn rewritten(&mut self, directive: &Directive) -> Result<Option<Step>, Unknown> {
        let pattern = directive.argument(0).unwrap_or("");
        let target = directive.argument(1).unwrap_or("");
        let flag = directive.argument(2);
        let Some(groups) = matches(pattern, false, &self.uri)? else { return Ok(None) };
        self.captured(groups);
        let keeps_args = !target.ends_with('?');
        let (path, query) = match target.trim_end_matches('?').split_once('?') {
            Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
            None => (target.trim_end_matches('?').to_owned(), None),
        };
        let new = self.value(&path)?;
        let mut args = query.map(|query| self.value(&query)).transpose()?.unwrap_or_default();
        if keeps_args && !self.args.is_empty() {
            args = if args.is_empty() { self.args.clone() } else { format!("{args}&{}", self.args) };
        }
        let absolute = ["http://", "https://", "$scheme"].iter().any(|start| target.starts_with(start));
        let status = match flag {
            Some("permanent") => Some(301),
            Some("redirect") => Some(302),
            _ if absolute => Some(302),
            _ => None,
        };
        if let Some(status) = status {
            let location = if args.is_empty() { new } else { format!("{new}?{args}") };
            return Ok(Some(Step::Done(Box::new(self.redirect(status, &location)?))));
        }
        self.uri = new;
        self.args = args;
        self.is_original = false;
        match flag {
            Some("last") => {
                self.is_changed = true;
                Ok(Some(Step::Again))
            }
            Some("break") => {
                self.is_changed = false;
                Ok(Some(Step::Next))
            }
            _ => {
                self.is_changed = true;
                Ok(None)
            }
        }
    }

    fn holds(&mut self, head: &Directive) -> Result<bool, Unknown> {
        let test = Test::of(head).ok_or("a test of files")?;
        let value = self.variable(&test.variable)?;
        let hit = match test.operator.as_str() {
            "" => return Ok(!value.is_empty() && value != "0"),
            "=" | "!=" => value == test.value,
            "~" | "!~" | "~*" | "!~*" => {
                let groups = matches(&test.value, test.operator.ends_with('*'), &value)?;
                let hit = groups.is_some();
                if let Some(groups) = groups {
                    self.captured(groups);
                }
                hit
            }
            _ => return Err("a test that is not known"),
        };
        Ok(hit != test.negated)
    }
}
