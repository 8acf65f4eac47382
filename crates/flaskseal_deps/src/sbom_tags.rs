//! SPDX 2 as lines of `Tag: value` (spdx.github.io/spdx-spec/v2.3, "Conformance").

use flaskseal_core::TextRange;

use crate::Group;
use crate::lock::{Lock, LockTool};
use crate::sbom::Bill;

/// Whether a text is such a document: its first tag says so, and only comments stand before it.
pub(crate) fn is_one(source: &str) -> bool {
    let mut lines = source.trim_start_matches('\u{feff}').lines().map(str::trim);
    lines
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .is_some_and(|line| line.starts_with("SPDXVersion:"))
}

pub(crate) fn read(source: &str, mut bill: Bill<'_>) -> Lock {
    bill.lock.tool = LockTool::Spdx;
    let mut package: Option<&str> = None;
    let mut relations: Vec<(&str, &str, &str)> = Vec::new();
    let mut in_text = false;
    let mut at = 0;
    for line in source.split_inclusive('\n') {
        let start = at;
        at += line.len();
        if in_text {
            in_text = !line.contains("</text>");
            continue;
        }
        let Some((tag, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        in_text = value.starts_with("<text>") && !value.contains("</text>");
        let mut words = value.split_ascii_whitespace();
        match tag.trim() {
            "SPDXVersion" => bill.lock.known_format = value.starts_with("SPDX-2."),
            // The id of a package follows its name.
            "PackageName" => package = None,
            "SPDXID" => package = Some(value),
            "ExternalRef" => {
                let (_, kind, url) = (words.next(), words.next(), words.next());
                if kind == Some("purl")
                    && let Some(url) = url
                {
                    let offset = start + line.rfind(url).unwrap_or(0);
                    let range = TextRange::new(offset as u32, (offset + url.len()) as u32);
                    bill.add(url, package, Group::Main, range);
                }
            }
            "Relationship" => {
                if let (Some(from), Some(kind), Some(to)) = (words.next(), words.next(), words.next()) {
                    relations.push((from, kind, to));
                }
            }
            _ => {}
        }
    }
    bill.relate(&relations);
    bill.lock
}
