//! PEM: where certificates stand in a text, and their bytes.

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

/// Base64, with blanks between.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}
