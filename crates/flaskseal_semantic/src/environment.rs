//! The environment that production gives to the process.

use std::sync::Arc;

use flaskseal_core::Span;

/// Environment variables, as far as the tree and the user say them.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Sorted by name; each name once.
    pub variables: Vec<Variable>,
    /// No other variable is set. Otherwise a platform may set any.
    pub complete: bool,
}

#[derive(Clone, Debug)]
pub struct Variable {
    pub name: Arc<str>,
    pub setting: VariableValue,
    /// Where it is set; `None` for the command line.
    pub span: Option<Span>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VariableValue {
    Known(Arc<str>),
    /// Set, from a place outside the tree: a secret reference, a variable of the deploying shell.
    External,
    /// Set from outside, or else to this text: compose's `${SECRET_KEY:-changeme}`.
    Fallback(Arc<str>),
}

impl Environment {
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.variables
            .binary_search_by(|known| (*known.name).cmp(name))
            .ok()
            .map(|index| &self.variables[index])
    }

    /// Sets a variable; a later setting of the same name wins.
    pub fn set(&mut self, variable: Variable) {
        match self.variables.binary_search_by(|known| known.name.cmp(&variable.name)) {
            Ok(index) => self.variables[index] = variable,
            Err(index) => self.variables.insert(index, variable),
        }
    }
}
