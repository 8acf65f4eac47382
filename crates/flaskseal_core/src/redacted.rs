//! Secrets on their way to a report. There is no other way to print one.

use std::fmt;

/// A secret of which two characters, the length and the entropy are all that is ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Redacted {
    head: Box<str>,
    length: usize,
    bits: u32,
}

impl Redacted {
    pub fn new(secret: &str) -> Self {
        let length = secret.chars().count();
        // Two characters of a very short secret would be most of it.
        let shown = if length >= 8 { 2 } else { 0 };
        #[expect(clippy::cast_sign_loss, reason = "entropy is never negative")]
        let bits = shannon_entropy_bits(secret) as u32;
        Self { head: secret.chars().take(shown).collect(), length, bits }
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.length == 1 { "" } else { "s" };
        write!(f, "`{}…` ({} character{plural}, about {} bits)", self.head, self.length, self.bits)
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Shannon entropy of the text's own character distribution, in bits for the whole text: an upper bound for
/// words, and close to the truth for random strings of 20 characters and more.
pub fn shannon_entropy_bits(text: &str) -> f64 {
    let mut counts = std::collections::BTreeMap::new();
    let mut total = 0.0_f64;
    for character in text.chars() {
        *counts.entry(character).or_insert(0.0_f64) += 1.0;
        total += 1.0;
    }
    -counts.values().map(|count| count * (count / total).log2()).sum::<f64>().min(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_shows_more_than_two_characters() {
        let shown = format!("{0} {0:?}", Redacted::new("correct horse battery staple"));
        assert!(shown.contains("co…") && !shown.contains("cor"), "{shown}");
        assert_eq!(Redacted::new("dev").to_string(), "`…` (3 characters, about 4 bits)");
        assert_eq!(Redacted::new("").to_string(), "`…` (0 characters, about 0 bits)");
    }

    #[test]
    fn entropy_of_repetition_is_zero() {
        assert!(shannon_entropy_bits("aaaaaaaa") < 0.001);
        assert!((shannon_entropy_bits("0123456789abcdef") - 64.0).abs() < 0.001);
    }
}
