//! `match`: which case is taken, and what it binds.

use flaskseal_python::ast;

use crate::guard::Guard;
use crate::machine::{Flow, Machine, Raised};
use crate::truth::Truth;
use crate::value::Value;

impl<'a> Machine<'a> {
    pub(crate) fn match_statement(&mut self, node: &'a ast::StmtMatch) -> Result<Flow, Raised> {
        let subject = self.eval(&node.subject)?;
        Ok(self.match_cases(&subject, &node.cases))
    }

    fn match_cases(&mut self, subject: &Value, cases: &'a [ast::MatchCase]) -> Flow {
        let Some((case, rest)) = cases.split_first() else { return Flow::Normal };
        let mut truth = self.pattern_truth(subject, &case.pattern);
        if truth.yes.is_some() {
            self.bind_pattern(subject, &case.pattern);
        }
        if let Some(guard) = &case.guard
            && truth.yes.is_some()
        {
            match self.condition(guard) {
                Ok(condition) => {
                    let yes = truth.yes.zip(condition.yes).and_then(|(a, b)| a.and(&b));
                    let no = match (truth.no, condition.no) {
                        (Some(a), Some(b)) => Some(a.or(&b)),
                        (a, b) => a.or(b),
                    };
                    truth = Truth { yes, no };
                }
                Err(raised) => return Flow::Raise(raised),
            }
        }
        self.branch(&truth, |machine| machine.block(&case.body), |machine| machine.match_cases(subject, rest))
    }

    fn pattern_truth(&mut self, subject: &Value, pattern: &'a ast::Pattern) -> Truth {
        match pattern {
            ast::Pattern::MatchValue(node) => match self.eval(&node.value) {
                Ok(value) => {
                    let equal = self.equals(subject, &value);
                    self.truth(&equal)
                }
                Err(_) => Truth::EITHER,
            },
            ast::Pattern::MatchSingleton(node) => {
                let value = match node.value {
                    ast::Singleton::None => Value::NONE,
                    ast::Singleton::True => Value::bool(true),
                    ast::Singleton::False => Value::bool(false),
                };
                let equal = self.equals(subject, &value);
                self.truth(&equal)
            }
            ast::Pattern::MatchAs(node) => match &node.pattern {
                Some(pattern) => self.pattern_truth(subject, pattern),
                None => Truth::YES,
            },
            ast::Pattern::MatchOr(node) => {
                let mut no = Some(Guard::ALWAYS);
                let mut yes: Option<Guard> = None;
                for pattern in &node.patterns {
                    let truth = self.pattern_truth(subject, pattern);
                    let reached = no.clone();
                    let matched = truth.yes.and_then(|guard| guard.and(reached.as_ref()?));
                    yes = match (yes, matched) {
                        (Some(a), Some(b)) => Some(a.or(&b)),
                        (a, b) => a.or(b),
                    };
                    no = truth.no.and_then(|guard| guard.and(&no?));
                }
                Truth { yes, no }
            }
            _ => Truth::EITHER,
        }
    }

    fn bind_pattern(&mut self, subject: &Value, pattern: &'a ast::Pattern) {
        match pattern {
            ast::Pattern::MatchAs(node) => {
                if let Some(name) = &node.name {
                    self.bind(&name.id, subject.clone());
                }
                if let Some(pattern) = &node.pattern {
                    self.bind_pattern(subject, pattern);
                }
            }
            ast::Pattern::MatchSequence(node) => {
                for pattern in &node.patterns {
                    self.bind_pattern(&Value::UNKNOWN, pattern);
                }
            }
            ast::Pattern::MatchMapping(node) => {
                for pattern in &node.patterns {
                    self.bind_pattern(&Value::UNKNOWN, pattern);
                }
                if let Some(name) = &node.rest {
                    self.bind(&name.id, Value::UNKNOWN);
                }
            }
            ast::Pattern::MatchClass(node) => {
                for pattern in &node.arguments.patterns {
                    self.bind_pattern(&Value::UNKNOWN, pattern);
                }
                for keyword in &node.arguments.keywords {
                    self.bind_pattern(&Value::UNKNOWN, &keyword.pattern);
                }
            }
            ast::Pattern::MatchStar(node) => {
                if let Some(name) = &node.name {
                    self.bind(&name.id, Value::UNKNOWN);
                }
            }
            ast::Pattern::MatchOr(node) => {
                for pattern in &node.patterns {
                    self.bind_pattern(subject, pattern);
                }
            }
            ast::Pattern::MatchValue(_) | ast::Pattern::MatchSingleton(_) => {}
        }
    }
}
