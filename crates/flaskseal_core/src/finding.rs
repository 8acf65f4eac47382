//! One instance of a rule being broken.

use crate::{Confidence, Evidence, RuleId, Severity, Span};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    pub rule: RuleId,
    pub severity: Severity,
    pub confidence: Confidence,
    /// One sentence without a full stop, naming the thing: "`SECRET_KEY` is a literal in the code".
    pub message: String,
    /// Where to look first. Its claim is the label printed under the source line.
    pub primary: Evidence,
    /// From source to sink, or from the place of a setting to its use; in order, without the primary evidence.
    pub trail: Vec<Evidence>,
    /// The qualified name of the enclosing class or function, for a fingerprint that survives line moves.
    pub scope: String,
    pub fix: Option<Fix>,
    /// Ranges whose text must never be printed, in any format: the contents of secret literals, without their
    /// quotes. A report masks them, and the same text wherever else it would print it.
    pub redact: Vec<Span>,
    /// A stronger layer shows that it is not so, with this: the finding stays as a note, because what contradicts it is
    /// all that protects.
    pub overruled: Option<Evidence>,
}

impl Finding {
    pub fn new(
        rule: RuleId,
        severity: Severity,
        confidence: Confidence,
        primary: Evidence,
        message: impl Into<String>,
    ) -> Self {
        Self {
            rule,
            severity,
            confidence,
            message: message.into(),
            primary,
            trail: Vec::new(),
            scope: String::new(),
            fix: None,
            redact: Vec::new(),
            overruled: None,
        }
    }

    pub fn with_trail(mut self, trail: impl IntoIterator<Item = Evidence>) -> Self {
        self.trail.extend(trail);
        self
    }

    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = scope.into();
        self
    }

    /// Marks ranges that hold a secret.
    pub fn with_redacted(mut self, secrets: impl IntoIterator<Item = Span>) -> Self {
        self.redact.extend(secrets);
        self
    }

    pub fn with_fix(mut self, fix: Fix) -> Self {
        self.fix = Some(fix);
        self
    }
}

/// What to do about a finding: always advice, sometimes edits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fix {
    /// An imperative clause: "read the key from the environment: `os.environ[\"SECRET_KEY\"]`".
    pub advice: String,
    pub applicability: Applicability,
    /// Replacements that do not overlap; empty when the advice is all there is.
    pub edits: Vec<Edit>,
}

impl Fix {
    pub fn advice(advice: impl Into<String>) -> Self {
        Self { advice: advice.into(), applicability: Applicability::DisplayOnly, edits: Vec::new() }
    }
}

/// Whether an edit may be applied unasked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Applicability {
    Safe,
    Unsafe,
    DisplayOnly,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edit {
    pub span: Span,
    pub replacement: String,
}
