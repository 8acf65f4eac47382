//! Names of distributions, which may be spelled in many ways (PEP 503, PEP 508).

/// The one spelling: lower case, and a single `-` for every run of `-`, `_` and `.` (PEP 503).
pub fn normalize(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for character in name.trim().chars() {
        if matches!(character, '-' | '_' | '.') {
            if !normal.ends_with('-') {
                normal.push('-');
            }
        } else {
            normal.push(character.to_ascii_lowercase());
        }
    }
    normal
}

/// Whether this can be a distribution's name (PEP 508): ASCII letters and digits, with `-`, `_` and `.` inside.
pub fn is_name(text: &str) -> bool {
    let inner = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
    let bytes = text.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().copied().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name() {
        for spelling in ["Flask-SQLAlchemy", "flask_sqlalchemy", "FLASK.SQLAlchemy", "flask-_.sqlalchemy"] {
            assert_eq!(normalize(spelling), "flask-sqlalchemy");
        }
        assert!(is_name("zope.interface") && is_name("a"));
        assert!(!is_name("-a") && !is_name("a_") && !is_name("") && !is_name("a b") && !is_name("é"));
    }
}
