//! Versions of Python that small files name.

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
fn minor_of(text: &str) -> Option<(u64, u64)> {
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
}
