//! The set of characters that an unknown piece of text can still hold.

use std::fmt;

/// ASCII exactly, everything beyond it as two classes. Join is union: an alphabet only ever over-approximates.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Alphabet {
    ascii: u128,
    /// Letters and digits beyond ASCII.
    wide_alphanumeric: bool,
    /// Everything else beyond ASCII.
    wide_other: bool,
}

impl Alphabet {
    pub const NONE: Self = Self { ascii: 0, wide_alphanumeric: false, wide_other: false };
    pub const ALL: Self = Self { ascii: u128::MAX, wide_alphanumeric: true, wide_other: true };
    /// Letters and digits beyond ASCII.
    pub const WIDE_ALPHANUMERIC: Self = Self { wide_alphanumeric: true, ..Self::NONE };
    /// Everything beyond ASCII.
    pub const ALL_WIDE: Self = Self { ascii: 0, wide_alphanumeric: true, wide_other: true };
    pub const DIGITS: Self = Self::ascii_range(b'0', b'9');
    /// ASCII letters.
    pub const LETTERS: Self = Self::ascii_range(b'a', b'z').union(Self::ascii_range(b'A', b'Z'));
    /// ASCII letters, digits and the underscore.
    pub const WORD: Self = Self::LETTERS.union(Self::DIGITS).union(Self::ascii_range(b'_', b'_'));
    pub const HEX: Self = Self::DIGITS.union(Self::ascii_range(b'a', b'f'));
    /// What `str.strip` takes off; U+001C to U+001F are white space for Python, and so is much beyond ASCII.
    pub const WHITE_SPACE: Self =
        Self { wide_other: true, ..Self::ascii_range(b'\t', b'\r').union(Self::ascii_range(0x1c, b' ')) };

    pub const fn ascii_range(first: u8, last: u8) -> Self {
        let mut ascii = 0_u128;
        let mut byte = first;
        while byte <= last && byte < 128 {
            ascii |= 1 << byte;
            byte += 1;
        }
        Self { ascii, ..Self::NONE }
    }

    pub fn of(text: &str) -> Self {
        if text.is_ascii() {
            return Self { ascii: text.bytes().fold(0, |set, byte| set | 1 << byte), ..Self::NONE };
        }
        text.chars().fold(Self::NONE, |set, character| set.union(Self::of_char(character)))
    }

    pub fn of_char(character: char) -> Self {
        if character.is_ascii() {
            Self { ascii: 1 << (character as u32), ..Self::NONE }
        } else if character.is_alphanumeric() {
            Self { wide_alphanumeric: true, ..Self::NONE }
        } else {
            Self { wide_other: true, ..Self::NONE }
        }
    }

    pub const fn union(self, other: Self) -> Self {
        Self {
            ascii: self.ascii | other.ascii,
            wide_alphanumeric: self.wide_alphanumeric || other.wide_alphanumeric,
            wide_other: self.wide_other || other.wide_other,
        }
    }

    pub const fn intersection(self, other: Self) -> Self {
        Self {
            ascii: self.ascii & other.ascii,
            wide_alphanumeric: self.wide_alphanumeric && other.wide_alphanumeric,
            wide_other: self.wide_other && other.wide_other,
        }
    }

    /// Without the ASCII characters of `other`. A class beyond ASCII stays: `other` may name only some of it.
    pub const fn without(self, other: Self) -> Self {
        Self { ascii: self.ascii & !other.ascii, ..self }
    }

    /// Every character that is not in it. Sound only for sets that say what *must* be in them: the complement of
    /// what may be is what must be, and the other way round.
    pub const fn complement(self) -> Self {
        Self { ascii: !self.ascii, wide_alphanumeric: !self.wide_alphanumeric, wide_other: !self.wide_other }
    }

    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }

    /// Its ASCII characters as bits, the character's code being the bit's number.
    pub(crate) const fn ascii_bits(self) -> u128 {
        self.ascii
    }

    /// Its ASCII characters, in order.
    pub fn ascii(self) -> impl Iterator<Item = char> {
        (0..128_u8).filter(move |byte| self.ascii & (1 << byte) != 0).map(char::from)
    }

    /// Its ASCII characters only.
    pub const fn without_wide(self) -> Self {
        Self { ascii: self.ascii, ..Self::NONE }
    }

    pub fn contains(self, character: char) -> bool {
        self.meets(Self::of_char(character))
    }

    pub fn meets(self, other: Self) -> bool {
        self.intersection(other) != Self::NONE
    }

    /// What `str.upper`, `str.lower` and their family can make of these characters.
    pub fn any_case(self) -> Self {
        let mut ascii = self.ascii;
        for byte in b'a'..=b'z' {
            let upper = byte.to_ascii_uppercase();
            if self.ascii & (1 << byte | 1 << upper) != 0 {
                ascii |= 1 << byte | 1 << upper;
            }
        }
        // Case mapping leaves ASCII in few places ("İ".lower() begins with "i") and enters it in as few.
        let letters = Self::ascii_range(b'a', b'z').union(Self::ascii_range(b'A', b'Z'));
        Self {
            ascii: if self.wide_alphanumeric { ascii | letters.ascii } else { ascii },
            wide_alphanumeric: self.wide_alphanumeric,
            // `"\u{1f0}".upper()` is a letter and a mark.
            wide_other: self.wide_other || self.wide_alphanumeric,
        }
    }

    /// What a comparison that ignores case takes for these characters. `i`, `k` and `s` have relatives beyond
    /// ASCII: `İ`, `ı`, the Kelvin sign and the long s.
    pub fn in_any_case(self) -> Self {
        let relatives = Self::of("iIkKsS");
        let mut set = self.without_wide().any_case();
        if set.meets(relatives) {
            set = set.union(Self::ALL_WIDE);
        }
        if self.meets(Self::ALL_WIDE) {
            set = set.union(Self::ALL_WIDE).union(relatives);
        }
        set
    }
}

impl fmt::Debug for Alphabet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("[any]");
        }
        let ascii: String = self.ascii().collect();
        write!(f, "[{ascii:?}")?;
        if self.wide_alphanumeric || self.wide_other {
            f.write_str(" wide")?;
        }
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_behave() {
        assert!(Alphabet::of("a'é").contains('\''));
        assert!(!Alphabet::of("a'é").without(Alphabet::of("'")).contains('\''));
        assert!(Alphabet::ALL.without(Alphabet::of("<>")).contains('가'));
        assert!(Alphabet::of("ab").any_case().contains('B'));
        assert!(!Alphabet::DIGITS.meets(Alphabet::of("'\" -")));
    }
}
