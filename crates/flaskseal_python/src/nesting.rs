//! Refuses text that is nested deeper than any Python accepts, before a recursive parser meets it.
//!
//! CPython's tokenizer allows 200 nested brackets, and its compiler gives up on expressions some 3,000 levels
//! deep. A tree within these bounds fits the stack that the command gives its threads.

/// CPython: `MAXLEVEL` in Parser/tokenizer.h.
const MAX_BRACKETS: usize = 200;
/// More than any CPython compiles; see the module documentation.
const MAX_CHAIN: u32 = 5_000;

/// The offset at which the text becomes too deep, if it does.
pub(crate) fn too_deep(text: &str) -> Option<u32> {
    let bytes = text.as_bytes();
    if bytes.len() <= MAX_BRACKETS {
        return None;
    }
    // One counter per open bracket: how many operators, calls, attributes and keywords the expression at this
    // level has chained so far. A comma ends the expression, and at level 0 so does a line break.
    let mut chains = vec![0_u32];
    let mut i = 0;
    while let Some(&byte) = bytes.get(i) {
        match byte {
            b'#' => {
                i = memchr::memchr(b'\n', &bytes[i..]).map_or(bytes.len(), |n| i + n);
                continue;
            }
            b'\'' | b'"' => {
                i = after_string(bytes, i);
                continue;
            }
            b'(' | b'[' | b'{' => {
                bump(&mut chains);
                chains.push(0);
                if chains.len() > MAX_BRACKETS + 1 {
                    return Some(i as u32);
                }
            }
            b')' | b']' | b'}' if chains.len() > 1 => {
                chains.pop();
            }
            b',' | b';' => reset(&mut chains),
            b'\n' if chains.len() == 1 && bytes.get(i.wrapping_sub(1)) != Some(&b'\\') => reset(&mut chains),
            b'+' | b'-' | b'*' | b'/' | b'%' | b'@' | b'&' | b'|' | b'^' | b'~' | b'<' | b'>' | b'='
            | b'.' | b':' => {
                bump(&mut chains);
            }
            // `not`, `lambda`, `if`, `else`, `await`, `and`, `or`, `in`, `is`: every word counts, words are cheap.
            b' ' | b'\t' if bytes.get(i + 1).is_some_and(u8::is_ascii_alphabetic) => bump(&mut chains),
            _ => {}
        }
        if chains.last().is_some_and(|&chain| chain > MAX_CHAIN) {
            return Some(i as u32);
        }
        i += 1;
    }
    None
}

fn bump(chains: &mut [u32]) {
    if let Some(chain) = chains.last_mut() {
        *chain += 1;
    }
}

fn reset(chains: &mut [u32]) {
    if let Some(chain) = chains.last_mut() {
        *chain = 0;
    }
}

/// The offset after the string literal whose opening quote is at `start`. Raw strings need no special care: a
/// backslash keeps the quote after it from ending those, too.
fn after_string(bytes: &[u8], start: usize) -> usize {
    let quote = bytes[start];
    let triple = bytes.get(start + 1) == Some(&quote) && bytes.get(start + 2) == Some(&quote);
    let mut i = start + if triple { 3 } else { 1 };
    while let Some(&byte) = bytes.get(i) {
        match byte {
            b'\\' => i += 1,
            b'\n' if !triple => return i,
            b if b == quote
                && (!triple || (bytes.get(i + 1) == Some(&quote) && bytes.get(i + 2) == Some(&quote))) =>
            {
                return i + if triple { 3 } else { 1 };
            }
            _ => {}
        }
        i += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::too_deep;

    #[test]
    fn ordinary_long_text_is_fine() {
        assert_eq!(too_deep(&format!("x = [{}]", "-1.5, ".repeat(100_000))), None);
        assert_eq!(too_deep(&"x = a.b(c) + d\n".repeat(10_000)), None);
        assert_eq!(too_deep(&format!("x = '''{}'''", "((((--- ".repeat(10_000))), None);
        assert_eq!(too_deep(&format!("# {}\nx = 1", "(".repeat(10_000))), None);
    }

    #[test]
    fn towers_are_refused() {
        assert!(too_deep(&"(".repeat(1_000)).is_some());
        assert!(too_deep(&format!("x = {}1", "-".repeat(100_000))).is_some());
        assert!(too_deep(&format!("x = {}1", "not ".repeat(100_000))).is_some());
        assert!(too_deep(&format!("x = a{}", "()".repeat(100_000))).is_some());
        assert!(too_deep(&format!("x = a{}", ".b".repeat(100_000))).is_some());
    }
}
