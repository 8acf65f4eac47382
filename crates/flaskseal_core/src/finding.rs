//! One instance of a rule being broken.

use crate::{Confidence, Evidence, Request, RuleId, Severity, Span};

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
    /// A request that shows it.
    pub example: Option<Request>,
    pub fix: Option<Fix>,
    /// Ranges whose text must never be printed, in any format: the contents of secret literals, without their
    /// quotes. A report masks them, and the same text wherever else it would print it.
    pub redact: Vec<Span>,
    /// A stronger layer shows that it is not so, with this: the finding stays as a note, because what contradicts it is
    /// all that protects.
    pub overruled: Option<Evidence>,
    /// What is published against the thing that the finding is about; nothing for findings of any other kind.
    pub flaws: Flaws,
}

/// The published flaws of a thing, the worst first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Flaws {
    /// As the message names it: "`flask` 2.0.1".
    pub thing: String,
    pub list: Vec<Flaw>,
}

/// A published flaw of a package. Each can be accepted under any of its names, and the rest of the finding stays.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Flaw {
    /// All ids of the advisory; the one to print comes first.
    pub names: Vec<String>,
    pub severity: Severity,
    /// Goes into the trail.
    pub claim: Evidence,
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
            example: None,
            fix: None,
            redact: Vec::new(),
            overruled: None,
            flaws: Flaws::default(),
        }
    }

    /// That a thing has published flaws. The worst of them says how bad it is.
    pub fn of_flaws(rule: RuleId, confidence: Confidence, primary: Evidence, flaws: Flaws) -> Self {
        let severity = flaws.list.iter().map(|flaw| flaw.severity).max().unwrap_or(Severity::Low);
        let worst = flaws.list.first().and_then(|flaw| flaw.names.first()).map_or("", String::as_str);
        let message = match flaws.list.len() {
            1 => format!("{} is affected by {worst}", flaws.thing),
            count => format!("{} is affected by {count} advisories, {worst} among them", flaws.thing),
        };
        let trail = flaws.list.iter().map(|flaw| flaw.claim.clone()).collect();
        Self { trail, flaws, ..Self::new(rule, severity, confidence, primary, message) }
    }

    /// The finding with those of its flaws alone that the test holds for; `None` where there is none.
    pub fn with_flaws_that(&self, test: &dyn Fn(&Flaw) -> bool) -> Option<Self> {
        let list: Vec<Flaw> = self.flaws.list.iter().filter(|flaw| test(flaw)).cloned().collect();
        if list.is_empty() {
            return None;
        }
        let flaws = Flaws { thing: self.flaws.thing.clone(), list };
        let Self { severity, message, mut trail, flaws, .. } =
            Self::of_flaws(self.rule, self.confidence, self.primary.clone(), flaws);
        // What does not speak of a flaw stays.
        let is_claim = |evidence: &Evidence| self.flaws.list.iter().any(|flaw| flaw.claim == *evidence);
        trail.extend(self.trail.iter().filter(|evidence| !is_claim(evidence)).cloned());
        Some(Self { severity, message, trail, flaws, ..self.clone() })
    }

    pub fn with_trail(mut self, trail: impl IntoIterator<Item = Evidence>) -> Self {
        self.trail.extend(trail);
        self
    }

    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = scope.into();
        self
    }

    pub fn with_example(mut self, example: Option<Request>) -> Self {
        self.example = example;
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
