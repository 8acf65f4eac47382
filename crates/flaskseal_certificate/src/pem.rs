//! PEM: where certificates stand in a text, and their bytes.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flaskseal_core::TextRange;

/// A certificate in a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// From `-----BEGIN` to the end of `-----END`; of what does not end, the first line.
    pub range: TextRange,
    /// Whether `-----END` was found.
    pub ends: bool,
    /// DER, where the text between is Base64.
    pub der: Option<Vec<u8>>,
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The certificates of a text in order, at most `limit` of them. What stands between them is skipped.
pub fn blocks(text: &str, limit: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut at = 0;
    while blocks.len() < limit
        && let Some(found) = text.get(at..).and_then(|rest| rest.find(BEGIN))
    {
        let start = at + found;
        let body = start + BEGIN.len();
        let Some(length) = text.get(body..).and_then(|rest| rest.find(END)) else {
            blocks.push(Block { range: range(start, body), ends: false, der: None });
            break;
        };
        at = body + length + END.len();
        let der = text.get(body..body + length).and_then(decoded);
        blocks.push(Block { range: range(start, at), ends: true, der });
    }
    blocks
}

const fn range(start: usize, end: usize) -> TextRange {
    TextRange::new(start as u32, end as u32)
}

/// Base64 as people write it into files: padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Standard base64 (RFC 4648, section 4), with blanks between.
pub fn decoded(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    BASE64.decode(digits).ok()
}
