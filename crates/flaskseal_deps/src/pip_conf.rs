//! `pip.conf`: where pip takes packages from when nobody tells it otherwise.

use flaskseal_core::TextRange;

use crate::ini;
use crate::{Index, IndexKind, Manifest, ManifestKind};

/// Reads the indexes; nothing else in the file bears on what is installed.
pub fn read_pip_conf(source: &str) -> Manifest {
    let mut manifest = Manifest::new(ManifestKind::PipConf);
    for line in ini::lines(source) {
        if !matches!(line.section, "global" | "install" | "download" | "wheel") {
            continue;
        }
        let kind = match line.key.as_str() {
            "index_url" => IndexKind::Main,
            "extra_index_url" => IndexKind::Extra,
            "find_links" => IndexKind::Links,
            "trusted_host" => IndexKind::TrustedHost,
            _ => continue,
        };
        let mut from = line.range.start as usize;
        for url in line.value.split_ascii_whitespace() {
            let at = source.get(from..).and_then(|rest| rest.find(url)).map_or(from, |at| at + from);
            from = at + url.len();
            let range = TextRange::new(at as u32, from as u32);
            manifest.indexes.push(Index { kind, url: url.to_owned(), range });
        }
    }
    manifest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes() {
        let text = "[global]\nindex-url = https://own/simple\n# extra-index-url = no\nextra_index_url =\n    http://a/ http://b/\n[install]\ntrusted-host: pypi.local\n[list]\nindex-url = no\n";
        let manifest = read_pip_conf(text);
        let shown: Vec<_> = manifest
            .indexes
            .iter()
            .map(|index| (index.kind, &text[index.range.start as usize..index.range.end as usize]))
            .collect();
        assert_eq!(
            shown,
            [
                (IndexKind::Main, "https://own/simple"),
                (IndexKind::Extra, "http://a/"),
                (IndexKind::Extra, "http://b/"),
                (IndexKind::TrustedHost, "pypi.local"),
            ]
        );
    }
}
