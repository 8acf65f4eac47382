//! Bytes to text, as Python and as the readers of configuration files do it.

use encoding_rs::{DecoderResult, Encoding, UTF_8};

/// Text, and a remark if it was not what it should be.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Decoded {
    pub(crate) text: String,
    pub(crate) note: Option<String>,
}

/// Decodes Python source: UTF-8, or the encoding that PEP 263 lets a comment in the first two lines declare.
/// An error is a clause about the file, without its name.
pub(crate) fn python(bytes: Vec<u8>) -> Result<Decoded, String> {
    if utf16(&bytes).is_some() {
        return Err("is UTF-16, which Python refuses: save it as UTF-8".to_owned());
    }
    if let Some(offset) = memchr::memchr(0, &bytes) {
        return Err(format!("contains a NUL byte {}, which Python refuses", place(&bytes, offset)));
    }
    let marked = bytes.starts_with(UTF_8_MARK);
    let text = match declared_encoding(&bytes).filter(|_| !marked) {
        None => utf8(bytes).map_err(|(offset, bytes)| {
            format!("is not UTF-8 and declares no encoding: byte {}", byte_at(&bytes, offset))
        })?,
        Some(label) => declared(bytes, &label)?,
    };
    Ok(Decoded { text, note: None })
}

/// Decodes any other text. A mark for UTF-16 is honoured, as pip does; bytes that are not UTF-8 are read as Latin-1
/// with a note, because the settings in such a file are ASCII and only its comments are not.
pub(crate) fn other(bytes: Vec<u8>) -> Result<Decoded, String> {
    if let Some(encoding) = utf16(&bytes) {
        let (text, malformed) = encoding.decode_with_bom_removal(&bytes);
        return if malformed {
            Err(format!("is not valid {}, which its first bytes announce", encoding.name()))
        } else {
            Ok(Decoded { text: text.into_owned(), note: None })
        };
    }
    if let Some(offset) = memchr::memchr(0, &bytes) {
        return Err(format!("contains a NUL byte {} and is not text", place(&bytes, offset)));
    }
    match utf8(bytes) {
        Ok(text) => Ok(Decoded { text, note: None }),
        Err((offset, bytes)) => {
            let note =
                Some(format!("is not UTF-8 and was read as Latin-1: byte {}", byte_at(&bytes, offset)));
            Ok(Decoded { text: latin1(&bytes), note })
        }
    }
}

const UTF_8_MARK: &[u8] = b"\xEF\xBB\xBF";

fn utf16(bytes: &[u8]) -> Option<&'static Encoding> {
    Encoding::for_bom(bytes).map(|(encoding, _)| encoding).filter(|&encoding| encoding != UTF_8)
}

/// UTF-8 without its mark, or the offset of the first byte that is not, with the bytes.
fn utf8(bytes: Vec<u8>) -> Result<String, (usize, Vec<u8>)> {
    let mut text =
        String::from_utf8(bytes).map_err(|error| (error.utf8_error().valid_up_to(), error.into_bytes()))?;
    if text.starts_with('\u{FEFF}') {
        text.drain(..UTF_8_MARK.len());
    }
    Ok(text)
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

fn declared(bytes: Vec<u8>, label: &str) -> Result<String, String> {
    // Python normalises names so: lower case, `_` as `-` (CPython, `Parser/tokenizer/helpers.c`, `get_normal_name`).
    let name = label.to_ascii_lowercase().replace('_', "-");
    let is =
        |known: &str| name == known || name.strip_prefix(known).is_some_and(|rest| rest.starts_with('-'));
    if is("utf-8") || matches!(&*name, "utf8" | "u8" | "utf") {
        return utf8(bytes).map_err(|(offset, bytes)| {
            format!("declares `{label}` and is not: byte {}", byte_at(&bytes, offset))
        });
    }
    if is("latin-1")
        || is("iso-8859-1")
        || is("iso-latin-1")
        || matches!(&*name, "latin1" | "iso8859-1" | "l1")
    {
        return Ok(latin1(&bytes));
    }
    if matches!(&*name, "ascii" | "us-ascii" | "646") {
        return match bytes.iter().position(|byte| !byte.is_ascii()) {
            Some(offset) => Err(format!("declares `{label}` and is not: byte {}", byte_at(&bytes, offset))),
            None => Ok(latin1(&bytes)),
        };
    }
    let Some(encoding) = encoding_named(&name) else {
        return Err(format!("declares the encoding `{label}`, which is not known: save it as UTF-8"));
    };
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let capacity = decoder.max_utf8_buffer_length_without_replacement(bytes.len()).unwrap_or(0);
    let mut text = String::with_capacity(capacity);
    match decoder.decode_to_string_without_replacement(&bytes, &mut text, true) {
        (DecoderResult::InputEmpty, _) => Ok(text),
        (DecoderResult::Malformed(bad, after), read) => {
            let offset = read.saturating_sub(usize::from(bad) + usize::from(after));
            Err(format!("declares `{label}` and is not: byte {}", byte_at(&bytes, offset)))
        }
        (DecoderResult::OutputFull, _) => Err(format!("cannot be decoded as `{label}`: save it as UTF-8")),
    }
}

/// Python's names for encodings, as the Encoding Standard spells them.
fn encoding_named(name: &str) -> Option<&'static Encoding> {
    let label = match name {
        "cp932" | "ms932" => "shift_jis".to_owned(),
        "cp936" => "gbk".to_owned(),
        "cp949" | "uhc" | "ms949" => "euc-kr".to_owned(),
        "cp950" => "big5".to_owned(),
        "mac-roman" => "macintosh".to_owned(),
        _ => match name.strip_prefix("cp").or_else(|| name.strip_prefix("iso8859-")) {
            Some(page) if name.starts_with("cp125") => format!("windows-{page}"),
            Some(part) if name.starts_with("iso") => format!("iso-8859-{part}"),
            _ => name.to_owned(),
        },
    };
    Encoding::for_label(label.as_bytes())
        .or_else(|| Encoding::for_label(label.replace('-', "_").as_bytes()))
        .filter(|encoding| encoding.is_ascii_compatible() && *encoding != encoding_rs::X_USER_DEFINED)
}

/// The encoding that a comment in the first two lines declares: `coding[:=]\s*([-\w.]+)`, and the second line only
/// if the first is blank or a comment (Python language reference, section 2.1.4).
fn declared_encoding(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.strip_prefix(UTF_8_MARK).unwrap_or(bytes);
    for line in bytes.split(|&byte| byte == b'\n').take(2) {
        let line = line.trim_ascii_start();
        if line.is_empty() {
            continue;
        }
        let comment = line.strip_prefix(b"#")?;
        for at in memchr::memmem::find_iter(comment, b"coding") {
            let rest = comment.get(at + b"coding".len()..).unwrap_or_default();
            let Some(rest) = rest.strip_prefix(b":").or_else(|| rest.strip_prefix(b"=")) else { continue };
            let rest = rest.trim_ascii_start();
            let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            let name: Vec<u8> = rest.iter().copied().take_while(is_name).take(64).collect();
            if !name.is_empty() {
                return String::from_utf8(name).ok();
            }
        }
    }
    None
}

/// "0xE9 in line 3 (offset 41)".
fn byte_at(bytes: &[u8], offset: usize) -> String {
    let byte = bytes.get(offset).copied().unwrap_or_default();
    format!("0x{byte:02X} {}", place(bytes, offset))
}

fn place(bytes: &[u8], offset: usize) -> String {
    let line = memchr::memchr_iter(b'\n', bytes.get(..offset).unwrap_or(bytes)).count() + 1;
    format!("in line {line} (offset {offset})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python_text(bytes: &[u8]) -> Result<String, String> {
        python(bytes.to_vec()).map(|decoded| decoded.text)
    }

    #[test]
    fn marks_are_dropped() {
        assert_eq!(python_text(b"\xEF\xBB\xBFx = 1\n"), Ok("x = 1\n".to_owned()));
        assert_eq!(
            python_text(b"\xEF\xBB\xBF# coding: latin-1\n\xC3\xA9"),
            Ok("# coding: latin-1\né".to_owned())
        );
    }

    #[test]
    fn declared_encodings_are_honoured() {
        assert_eq!(
            python_text(b"# -*- coding: latin-1 -*-\nx = '\xE9\x80'\n").unwrap(),
            "# -*- coding: latin-1 -*-\nx = 'é\u{80}'\n"
        );
        assert!(
            python_text(b"#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\n'\x80'")
                .unwrap()
                .ends_with("'€'")
        );
        assert!(python_text(b"# coding: euc_kr\n'\xC7\xD1'").unwrap().ends_with("'한'"));
        assert!(python_text(b"# coding: cp949\n'\xC7\xD1'").unwrap().ends_with("'한'"));
        assert!(python_text(b"# coding: shift_jis\n'\x82\xA0'").unwrap().ends_with("'あ'"));
        assert!(python_text(b"# coding: koi8-r\n'\xC1'").unwrap().ends_with("'а'"));
        assert!(python_text(b"# coding: iso8859_15\n'\xA4'").unwrap().ends_with("'€'"));
        assert!(python_text(b"# coding: UTF8\n'\xC3\xA9'").unwrap().ends_with("'é'"));
    }

    #[test]
    fn a_declaration_counts_only_in_the_first_two_comment_lines() {
        assert_eq!(declared_encoding(b"x = 1\n# coding: latin-1\n"), None);
        assert_eq!(declared_encoding(b"#\n#\n# coding: latin-1\n"), None);
        assert_eq!(declared_encoding(b"x = 'coding: latin-1'\n"), None);
        assert_eq!(declared_encoding(b"# coding : x, coding=koi8-r\n"), Some("koi8-r".to_owned()));
    }

    #[test]
    fn what_cannot_be_decoded_says_where() {
        let message = |bytes: &[u8]| python_text(bytes).unwrap_err();
        assert_eq!(
            message(b"a\nb\n\xE9"),
            "is not UTF-8 and declares no encoding: byte 0xE9 in line 3 (offset 4)"
        );
        assert_eq!(message(b"a\n\0"), "contains a NUL byte in line 2 (offset 2), which Python refuses");
        assert_eq!(message(b"\xFF\xFEa\0"), "is UTF-16, which Python refuses: save it as UTF-8");
        assert!(message(b"# coding: rot13\n").contains("`rot13`, which is not known"));
        assert!(message(b"# coding: utf-16\n").contains("`utf-16`, which is not known"));
        assert!(message(b"# coding: ascii\n\xE9").ends_with("0xE9 in line 2 (offset 16)"));
        assert!(message(b"# coding: euc-kr\n'\xFF'").contains("0xFF in line 2 (offset 18)"));
    }

    #[test]
    fn other_text_is_read_with_a_note_rather_than_lost() {
        assert_eq!(other(b"\xFF\xFEF\0l\0".to_vec()).unwrap().text, "Fl");
        let decoded = other(b"# caf\xE9\nuser www;\n".to_vec()).unwrap();
        assert_eq!(decoded.text, "# café\nuser www;\n");
        assert!(decoded.note.unwrap().contains("0xE9 in line 1"));
        assert!(other(b"\x30\x82\0".to_vec()).unwrap_err().contains("not text"));
    }
}
