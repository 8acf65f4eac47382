//! Suppressions, baseline and policy: assessments in, verdicts and the gate out.
