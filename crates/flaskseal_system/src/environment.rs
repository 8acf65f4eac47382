//! An installed Python environment, as far as its metadata says what is in it. No file of a package is imported.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::InputError;

/// Bytes of one `METADATA` that are looked at; descriptions behind the head are long and of no use.
const HEAD: u64 = 256 << 10;
/// Packages of one environment.
const MAX_PACKAGES: usize = 20_000;

/// The heads of all `METADATA` files of a virtual environment, of a folder of site-packages, or of the `lib` of one,
/// each below a line that names its folder, in order. A folder that holds none is an error.
pub fn read_environment(folder: &Path) -> Result<String, InputError> {
    let mut found: Vec<(PathBuf, &'static str)> = Vec::new();
    for place in places(folder)? {
        let entries = fs::read_dir(&place).map_err(|source| InputError::reading(&place, source))?;
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let name = path.to_string_lossy().into_owned();
            if name.ends_with(".dist-info") {
                found.push((path, "METADATA"));
            } else if name.ends_with(".egg-info") && path.is_dir() {
                found.push((path, "PKG-INFO"));
            }
        }
    }
    if found.is_empty() {
        return Err(InputError::NoPackages(folder.to_path_buf()));
    }
    found.sort();
    found.truncate(MAX_PACKAGES);
    let mut text = String::new();
    for (path, file) in found {
        let shown = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
        let Some(metadata) = head(&path.join(file)) else { continue };
        text.push_str("# ");
        text.push_str(&shown.replace(['\n', '\r'], " "));
        text.push('\n');
        for line in metadata.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with('#'))
        {
            text.push_str(line);
            text.push('\n');
        }
        if let Some(url) = head(&path.join("direct_url.json")).as_deref().and_then(url_of) {
            text.push_str("Direct-Url: ");
            text.push_str(url);
            text.push('\n');
        }
    }
    Ok(text)
}

/// The folders that packages are installed in: the folder itself, `site-packages` in it, or those of its libraries.
fn places(folder: &Path) -> Result<Vec<PathBuf>, InputError> {
    if !folder.is_dir() {
        return Err(match fs::metadata(folder) {
            Ok(_) => InputError::NoPackages(folder.to_path_buf()),
            Err(source) => InputError::reading(folder, source),
        });
    }
    let mut places = vec![folder.to_path_buf()];
    let inside = ["site-packages", "dist-packages", "lib", "lib64", "Lib", "local/lib"];
    // The folder may itself be one of those.
    for first in std::iter::once(folder.to_path_buf()).chain(inside.map(|name| folder.join(name))) {
        let below = fs::read_dir(&first).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
        let pythons = below
            .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python")));
        for holder in std::iter::once(first.clone()).chain(pythons) {
            places.push(holder.join("site-packages"));
            places.push(holder.join("dist-packages"));
        }
        places.push(first);
    }
    places.retain(|place| place.is_dir());
    // `lib64` is often a link to `lib`.
    let mut seen = std::collections::BTreeSet::new();
    places.retain(|place| fs::canonicalize(place).is_ok_and(|real| seen.insert(real)));
    Ok(places)
}

fn head(path: &Path) -> Option<String> {
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(HEAD).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The text of `"url"` in a `direct_url.json` (PEP 610).
fn url_of(json: &str) -> Option<&str> {
    let (_, rest) = json.split_once("\"url\"")?;
    let (_, rest) = rest.split_once('"')?;
    let (url, _) = rest.split_once('"')?;
    (!url.contains(['\n', '\r'])).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_environment_and_its_folders() {
        let folder = tempfile::tempdir().unwrap();
        let packages = folder.path().join("lib/python3.12/site-packages");
        let info = packages.join("flask-2.0.1.dist-info");
        fs::create_dir_all(&info).unwrap();
        fs::write(info.join("METADATA"), "Name: Flask\nVersion: 2.0.1\n\nLong description\nName: no\n")
            .unwrap();
        fs::write(info.join("direct_url.json"), r#"{"dir_info": {}, "url": "file:///srv"}"#).unwrap();
        let text = read_environment(folder.path()).unwrap();
        assert_eq!(
            text,
            "# lib/python3.12/site-packages/flask-2.0.1.dist-info\nName: Flask\nVersion: 2.0.1\nDirect-Url: file:///srv\n"
        );
        assert!(read_environment(&packages).unwrap().starts_with("# flask-2.0.1.dist-info\n"));
        assert!(read_environment(&folder.path().join("lib")).is_ok());
        let empty = read_environment(&folder.path().join("lib/python3.12/none")).unwrap_err().to_string();
        assert!(empty.ends_with("none does not exist"), "{empty}");
        let nothing = tempfile::tempdir().unwrap();
        let message = read_environment(nothing.path()).unwrap_err().to_string();
        assert!(message.contains("holds no installed packages"), "{message}");
    }
}
