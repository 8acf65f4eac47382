//! The grammar of commands: lists, compound commands, redirections, simple commands.

use super::{Arm, Branch, MAX_DEPTH, Reader, Runs, Simple, Statement, StatementKind};

impl Reader<'_> {
    /// Blanks, line breaks and empty commands.
    fn separators(&mut self) {
        loop {
            self.blanks();
            match self.byte() {
                Some(b'\n') => {
                    self.at += 1;
                    self.skip_heredocs();
                }
                Some(b';') if !self.starts_with(";;") => self.at += 1,
                _ => return,
            }
        }
    }

    fn skip_heredocs(&mut self) {
        for (delimiter, tabs) in std::mem::take(&mut self.heredocs) {
            while self.at < self.text.len() {
                let end = self
                    .text
                    .get(self.at..)
                    .and_then(|rest| rest.find('\n'))
                    .map_or(self.text.len(), |n| self.at + n);
                let line = self.slice(self.at, end).trim_end_matches('\r');
                let line = if tabs { line.trim_start_matches('\t') } else { line };
                let done = line == delimiter;
                self.at = (end + 1).min(self.text.len());
                if done {
                    break;
                }
            }
        }
    }

    /// The bare word at this place, for reserved words.
    fn peek_word(&self) -> &str {
        let rest = self.text.get(self.at..).unwrap_or("");
        let end = rest
            .find(|c: char| c.is_ascii_whitespace() || ";&|()<>\"'\\$`".contains(c))
            .unwrap_or(rest.len());
        rest.get(..end).unwrap_or("")
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.peek_word() == word;
        if found {
            self.at += word.len();
        }
        found
    }

    pub(super) fn list(&mut self, ends: &[&str]) -> Vec<Statement> {
        let mut statements: Vec<Statement> = Vec::new();
        let mut runs = Runs::Always;
        let mut piped = false;
        loop {
            self.separators();
            let Some(byte) = self.byte() else { break };
            let word = self.peek_word();
            let closes = matches!(word, "then" | "else" | "elif" | "fi" | "do" | "done" | "esac" | "}");
            if ends.contains(&word) || (byte == b')' && ends.contains(&")")) || (closes && !ends.is_empty()) {
                break;
            }
            if self.starts_with(";;") {
                break;
            }
            let before = self.at;
            if let Some(kind) = self.command() {
                statements.push(Statement { kind, runs, background: false, piped });
            }
            self.blanks();
            runs = Runs::Always;
            piped = false;
            if self.starts_with("&&") {
                self.at += 2;
                runs = Runs::AfterSuccess;
            } else if self.starts_with("||") {
                self.at += 2;
                runs = Runs::AfterFailure;
            } else if self.starts_with(";;") {
                break;
            } else if self.byte() == Some(b'|') {
                self.at += if self.starts_with("|&") { 2 } else { 1 };
                piped = true;
                if let Some(last) = statements.last_mut() {
                    last.piped = true;
                }
            } else if self.byte() == Some(b'&') {
                self.at += 1;
                if let Some(last) = statements.last_mut() {
                    last.background = true;
                }
            }
            if self.at == before {
                break;
            }
        }
        statements
    }

    fn nested(&mut self, ends: &[&str]) -> Vec<Statement> {
        self.depth += 1;
        let statements = self.list(ends);
        self.depth -= 1;
        statements
    }

    fn command(&mut self) -> Option<StatementKind> {
        if self.depth >= MAX_DEPTH {
            self.problem(self.at, self.at + 1, "commands are nested too deeply");
            self.at = self.text.len();
            return None;
        }
        let start = self.at;
        match self.peek_word() {
            "if" => {
                self.at += 2;
                return Some(self.if_command());
            }
            "case" => {
                self.at += 4;
                return Some(self.case_command());
            }
            "while" | "until" | "for" | "select" => {
                let word = self.peek_word().len();
                self.at += word;
                let condition = self.nested(&["do"]);
                self.separators();
                self.take_word("do");
                let body = self.nested(&["done"]);
                self.expect_word("done", start);
                self.redirects();
                let _ = condition;
                return Some(StatementKind::Loop { body });
            }
            "{" => {
                self.at += 1;
                let body = self.nested(&["}"]);
                self.expect_word("}", start);
                self.redirects();
                return Some(StatementKind::Group(body));
            }
            "!" => {
                self.at += 1;
                self.blanks();
                self.depth += 1;
                let command = self.command();
                self.depth -= 1;
                return command;
            }
            "function" => {
                self.at += 8;
                self.blanks();
                return Some(self.function());
            }
            word if !word.is_empty()
                && self
                    .text
                    .get(self.at + word.len()..)
                    .is_some_and(|rest| rest.trim_start_matches(' ').starts_with("()")) =>
            {
                return Some(self.function());
            }
            _ => {}
        }
        if self.byte() == Some(b'(') {
            self.at += 1;
            let body = self.nested(&[")"]);
            self.separators();
            if self.byte() == Some(b')') {
                self.at += 1;
            } else {
                self.problem(start, start + 1, "this parenthesis is not closed");
            }
            self.redirects();
            return Some(StatementKind::Group(body));
        }
        let simple = self.simple();
        (!simple.words.is_empty() || !simple.assignments.is_empty()).then_some(StatementKind::Simple(simple))
    }

    fn expect_word(&mut self, word: &str, start: usize) {
        self.separators();
        if !self.take_word(word) {
            self.problem(start, start + 1, &format!("`{word}` is missing"));
        }
    }

    fn if_command(&mut self) -> StatementKind {
        let start = self.at;
        let mut branches = Vec::new();
        let mut otherwise = Vec::new();
        loop {
            let condition = self.nested(&["then", "fi"]);
            self.separators();
            self.take_word("then");
            let body = self.nested(&["elif", "else", "fi"]);
            branches.push(Branch { condition, body });
            self.separators();
            if !self.take_word("elif") {
                break;
            }
        }
        if self.take_word("else") {
            otherwise = self.nested(&["fi"]);
        }
        self.expect_word("fi", start);
        self.redirects();
        StatementKind::If { branches, otherwise }
    }

    fn case_command(&mut self) -> StatementKind {
        let start = self.at;
        self.blanks();
        let subject = self.word();
        self.separators();
        self.take_word("in");
        let mut arms = Vec::new();
        loop {
            self.separators();
            if self.byte().is_none() || self.peek_word() == "esac" {
                break;
            }
            let before = self.at;
            if self.byte() == Some(b'(') {
                self.at += 1;
            }
            let mut patterns = Vec::new();
            loop {
                self.blanks();
                let at = self.at;
                let pattern = self.word();
                if self.at > at {
                    patterns.push(pattern);
                }
                self.blanks();
                match self.byte() {
                    Some(b'|') => self.at += 1,
                    Some(b')') => {
                        self.at += 1;
                        break;
                    }
                    _ => break,
                }
            }
            let body = self.nested(&["esac"]);
            self.separators_in_case();
            arms.push(Arm { patterns, body });
            if self.at == before {
                self.bump();
            }
        }
        self.expect_word("esac", start);
        StatementKind::Case { subject, arms }
    }

    fn separators_in_case(&mut self) {
        self.blanks();
        if self.starts_with(";;") {
            self.at += 2;
            if self.byte() == Some(b'&') {
                self.at += 1;
            }
        }
    }

    fn function(&mut self) -> StatementKind {
        let name = self.peek_word().to_owned();
        self.at += name.len();
        self.blanks();
        if self.starts_with("()") {
            self.at += 2;
        }
        self.separators();
        self.depth += 1;
        let body = self.command();
        self.depth -= 1;
        let body = match body {
            Some(StatementKind::Group(body)) => body,
            Some(kind) => vec![Statement { kind, runs: Runs::Always, background: false, piped: false }],
            None => Vec::new(),
        };
        StatementKind::Function { name, body }
    }

    fn redirects(&mut self) {
        loop {
            self.blanks();
            if !self.redirect() {
                return;
            }
        }
    }

    /// Passes over one redirection.
    fn redirect(&mut self) -> bool {
        let rest = self.text.get(self.at..).unwrap_or("");
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let behind = rest.get(digits..).unwrap_or("");
        let (digits, behind) = match behind.strip_prefix('&') {
            Some(operator) if digits == 0 && operator.starts_with('>') => (1, operator),
            _ => (digits, behind),
        };
        if !behind.starts_with(['<', '>']) {
            return false;
        }
        let length = behind.bytes().take_while(|byte| b"<>&|-".contains(byte)).count();
        let operator = behind.get(..length).unwrap_or("").to_owned();
        self.at += digits + length;
        if operator == ">&-" || operator == "<&-" {
            return true;
        }
        self.blanks();
        let word = self.word();
        if operator.starts_with("<<") && !operator.starts_with("<<<") && self.heredocs.len() < 16 {
            self.heredocs.push((word.literal().unwrap_or("").to_owned(), operator == "<<-"));
        }
        true
    }

    fn simple(&mut self) -> Simple {
        let mut simple = Simple::default();
        let start = self.at;
        let mut end = start;
        let mut bracketed = false;
        loop {
            self.blanks();
            match self.byte() {
                Some(b'\n' | b';' | b'|' | b')' | b'(' | b'&' | b'<' | b'>') if bracketed => {
                    // Inside `[[ ... ]]` these are operators of the test.
                    self.at += 1;
                    continue;
                }
                Some(b'&') if self.starts_with("&>") => {}
                None | Some(b'\n' | b';' | b'|' | b')' | b'&') => break,
                Some(b'(') => {
                    self.problem(self.at, self.at + 1, "a parenthesis is not expected here");
                    self.at += 1;
                    continue;
                }
                Some(_) => {}
            }
            if self.redirect() {
                end = self.at;
                continue;
            }
            let before = self.at;
            if simple.words.is_empty()
                && let Some(assignment) = self.assignment()
            {
                simple.assignments.push(assignment);
            } else {
                let word = self.word();
                match word.literal() {
                    Some("[[") if simple.words.is_empty() => bracketed = true,
                    Some("]]") => bracketed = false,
                    _ => {}
                }
                if self.at > before {
                    simple.words.push(word);
                }
            }
            if self.at == before {
                break;
            }
            end = self.at;
        }
        simple.range = self.source.range(start, end);
        simple
    }
}
