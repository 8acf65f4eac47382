//! Versions of Python: what small files say, and how long each minor version is maintained.

use flaskseal_core::Date;

/// The day on which a minor version of Python stops getting fixes (devguide.python.org/versions, read November
/// 2026); `None` for what the table does not know.
pub fn end_of_life(major: u64, minor: u64) -> Option<Date> {
    if major == 2 {
        return Date::new(2020, 1, 1);
    }
    let (year, month, day) = match (major, minor) {
        (3, ..=5) => (2020, 9, 30),
        (3, 6) => (2021, 12, 23),
        (3, 7) => (2023, 6, 27),
        (3, 8) => (2024, 10, 7),
        (3, 9) => (2025, 10, 31),
        (3, 10) => (2026, 10, 31),
        (3, 11) => (2027, 10, 31),
        (3, 12) => (2028, 10, 31),
        (3, 13) => (2029, 10, 31),
        (3, 14) => (2030, 10, 31),
        _ => return None,
    };
    Date::new(year, month, day)
}

/// The version in `.python-version`, pyenv's and uv's file: the first line that names a CPython.
pub fn read_python_version(text: &str) -> Option<(u64, u64)> {
    text.lines().map(str::trim).filter(|line| !line.starts_with('#')).find_map(|line| {
        let line = line.strip_prefix("cpython-").or_else(|| line.strip_prefix("cpython@")).unwrap_or(line);
        minor_of(line)
    })
}

/// The version in `runtime.txt`, Heroku's file: `python-3.12.4`.
pub fn read_runtime(text: &str) -> Option<(u64, u64)> {
    minor_of(text.trim().strip_prefix("python-")?)
}

/// `3.12`, `3.12.4`, `3.12-slim`: major and minor.
pub(crate) fn minor_of(text: &str) -> Option<(u64, u64)> {
    let mut parts = text.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?;
    let end = minor.find(|c: char| !c.is_ascii_digit()).unwrap_or(minor.len());
    Some((major, minor.get(..end)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_files() {
        assert_eq!(read_python_version("# pinned\n3.12.4\n"), Some((3, 12)));
        assert_eq!(read_python_version("cpython-3.11\n"), Some((3, 11)));
        assert_eq!(read_python_version("pypy3.10-7.3\nsystem\n"), None);
        assert_eq!(read_runtime("python-3.9.18\n"), Some((3, 9)));
        assert_eq!(read_runtime("3.9.18"), None);
    }

    #[test]
    fn dates_grow_with_versions() {
        let dates: Vec<_> = (5..=14).filter_map(|minor| end_of_life(3, minor)).collect();
        assert!(dates.len() == 10 && dates.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(end_of_life(3, 99), None);
    }
}
