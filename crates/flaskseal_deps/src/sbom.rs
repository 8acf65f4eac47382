//! Bills of materials: CycloneDX 1.x as JSON and XML, SPDX 2 as JSON and tags, SPDX 3 as JSON. Of all that they list,
//! what comes from PyPI. JSON is read here; `sbom_xml` and `sbom_tags` fill in the same `Bill`.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use flaskseal_core::TextRange;
use pep440_rs::Version;
use serde_json::Value;

use crate::lock::{Dependency, Lock, LockTool, Locked, Source};
use crate::{Group, Marker, Problem, normalize, sbom_tags, sbom_xml};

/// Components inside components inside components; JSON itself ends not much deeper.
pub(crate) const MAX_DEPTH: u32 = 32;

/// Whether files of this name are bills of materials: `bom.json`, `shop.cdx.xml`, `shop.spdx`.
pub fn is_bill_of_materials(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let Some((stem, ending)) = lower.rsplit_once('.') else { return false };
    match ending {
        "spdx" => true,
        "json" | "xml" => {
            stem.ends_with(".cdx")
                || stem.ends_with(".spdx")
                || stem
                    .split(['.', '-', '_'])
                    .any(|part| matches!(part, "bom" | "sbom" | "cyclonedx" | "spdx"))
        }
        _ => false,
    }
}

/// Reads a bill of any kind; `None` for what is none.
pub fn read_bill_of_materials(source: &str) -> Option<Lock> {
    let mut bill = Bill::new(source);
    let start = source.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with('<') {
        return sbom_xml::read(source, bill);
    }
    if sbom_tags::is_one(source) {
        return Some(sbom_tags::read(source, bill));
    }
    let root: Value = match serde_json::from_str(source) {
        Ok(root) => root,
        Err(error) => {
            bill.lock
                .problems
                .push(Problem { range: TextRange::default(), message: format!("is not JSON: {error}") });
            return Some(bill.lock);
        }
    };
    if root["bomFormat"] == "CycloneDX" {
        bill.cyclonedx(&root);
    } else if let Some(version) = root["spdxVersion"].as_str() {
        bill.lock.tool = LockTool::Spdx;
        bill.lock.known_format = version.starts_with("SPDX-2.");
        bill.spdx(&root);
    } else if let Some(graph) = root["@graph"].as_array() {
        bill.lock.tool = LockTool::Spdx;
        for element in graph {
            if let Some(url) = element["software_packageUrl"].as_str() {
                let range = bill.quoted(url);
                bill.add(url, element["spdxId"].as_str(), Group::Main, range);
            }
        }
    } else {
        return None;
    }
    Some(bill.lock)
}

/// A bill in the making.
pub(crate) struct Bill<'s> {
    source: &'s str,
    /// Where the search for the next place begins.
    from: usize,
    pub(crate) lock: Lock,
    /// What the document calls a component, and which package that is.
    by_reference: BTreeMap<String, usize>,
}

impl<'s> Bill<'s> {
    fn new(source: &'s str) -> Self {
        Self { source, from: 0, lock: Lock::new(LockTool::CycloneDx), by_reference: BTreeMap::new() }
    }

    /// A component with a package URL; nothing where it is of another kind than PyPI's.
    pub(crate) fn add(&mut self, url: &str, reference: Option<&str>, group: Group, range: TextRange) {
        let Some((name, version)) = of_pypi(url) else { return };
        if let Some(reference) = reference {
            self.by_reference.insert(reference.to_owned(), self.lock.packages.len());
        }
        self.lock.packages.push(Locked {
            name,
            version,
            source: Source::Index(None),
            depends: Vec::new(),
            groups: vec![group],
            marker: None::<Marker>,
            hashes: 0,
            range,
        });
    }

    /// That one component wants another; a root is the application itself.
    pub(crate) fn depends(&mut self, from: &str, wanted: &str, is_root: bool) {
        let Some(wanted) = self.by_reference.get(wanted).and_then(|at| self.lock.packages.get(*at)) else {
            return;
        };
        let dependency = Dependency { version: wanted.version.clone(), ..Dependency::new(&wanted.name) };
        if is_root {
            self.lock.roots.push((Group::Main, dependency));
        } else if let Some(package) =
            self.by_reference.get(from).copied().and_then(|at| self.lock.packages.get_mut(at))
        {
            package.depends.push(dependency);
        }
    }

    /// Relationships of SPDX 2: from, kind, to. The document describes the application, which depends on its packages.
    pub(crate) fn relate(&mut self, relations: &[(&str, &str, &str)]) {
        let described: Vec<&str> =
            relations.iter().filter(|one| one.1 == "DESCRIBES").map(|one| one.2).collect();
        for (from, kind, to) in relations {
            match *kind {
                "DEPENDS_ON" => self.depends(from, to, described.contains(from)),
                "DEPENDENCY_OF" => self.depends(to, from, described.contains(to)),
                _ => {}
            }
        }
    }
}

/// JSON.
impl Bill<'_> {
    fn cyclonedx(&mut self, root: &Value) {
        self.lock.known_format = root["specVersion"].as_str().is_none_or(|version| version.starts_with("1."));
        self.components(&root["components"], 0);
        let application = root["metadata"]["component"]["bom-ref"].as_str();
        for entry in root["dependencies"].as_array().into_iter().flatten() {
            let Some(from) = entry["ref"].as_str() else { continue };
            for wanted in entry["dependsOn"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                self.depends(from, wanted, application == Some(from));
            }
        }
    }

    fn components(&mut self, list: &Value, depth: u32) {
        if depth > MAX_DEPTH {
            return;
        }
        for component in list.as_array().into_iter().flatten() {
            if let Some(url) = component["purl"].as_str() {
                let is_excluded = component["scope"] == "excluded";
                let group = if is_excluded { Group::Dev("excluded".to_owned()) } else { Group::Main };
                let range = self.quoted(url);
                self.add(url, component["bom-ref"].as_str(), group, range);
            }
            self.components(&component["components"], depth + 1);
        }
    }

    fn spdx(&mut self, root: &Value) {
        for package in root["packages"].as_array().into_iter().flatten() {
            let references = package["externalRefs"].as_array().into_iter().flatten();
            let mut urls = references.filter(|one| one["referenceType"] == "purl");
            if let Some(url) = urls.find_map(|one| one["referenceLocator"].as_str()) {
                let range = self.quoted(url);
                self.add(url, package["SPDXID"].as_str(), Group::Main, range);
            }
        }
        let relations: Vec<(&str, &str, &str)> = root["relationships"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| {
                let id = |key: &str| one[key].as_str();
                Some((id("spdxElementId")?, id("relationshipType")?, id("relatedSpdxElement")?))
            })
            .collect();
        self.relate(&relations);
    }

    /// Where a text stands in quotes. The parser keeps no places, but bills are written in order more often than not.
    fn quoted(&mut self, text: &str) -> TextRange {
        let quoted = format!("\"{text}\"");
        let found = self.source.get(self.from..).and_then(|rest| rest.find(&quoted)).map(|at| at + self.from);
        // It can be written with escapes.
        let at = found.or_else(|| self.source.find(&quoted));
        self.from = found.unwrap_or(self.from);
        at.map_or_else(TextRange::default, |at| {
            TextRange::new((at + 1) as u32, (at + quoted.len() - 1) as u32)
        })
    }
}

/// Name and version of `pkg:pypi/flask-login@0.6.3?x=y#z`.
fn of_pypi(url: &str) -> Option<(String, Option<Version>)> {
    let rest = url.strip_prefix("pkg:pypi/")?;
    let rest = rest.split(['?', '#']).next()?;
    let (name, version) = match rest.rsplit_once('@') {
        Some((name, version)) => (name, Some(unescaped(version))),
        None => (rest, None),
    };
    let name = normalize(&unescaped(name));
    crate::is_name(&name).then(|| (name, version.and_then(|version| Version::from_str(&version).ok())))
}

/// `%2B` is `+`.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).map(|digit| digit as u8);
        let mut ahead = rest.clone();
        match (byte, digit(ahead.next()), digit(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(high * 16 + low);
                rest = ahead;
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Target;

    fn shown(source: &str) -> Vec<String> {
        let lock = read_bill_of_materials(source).unwrap();
        let show = |one: &crate::Selected| {
            let package = &lock.packages[one.index];
            let place = &source[package.range.start as usize..package.range.end as usize];
            let version = package.version.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{} {version} {} {:?} {place}", package.name, one.path.join(">"), one.group)
        };
        lock.selected(None, &Target::default()).iter().map(show).collect()
    }

    #[test]
    fn cyclonedx() {
        let source = r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": {"bom-ref": "app"}},
            "components": [
              {"bom-ref": "f", "purl": "pkg:pypi/Flask@2.0.1", "components": [{"bom-ref": "w", "purl": "pkg:pypi/werkzeug@2.0.0%2Bcpu?x=y"}]},
              {"purl": "pkg:npm/react@1"}, {"purl": "pkg:pypi/pytest@8", "scope": "excluded"}],
            "dependencies": [{"ref": "app", "dependsOn": ["f", "gone"]}, {"ref": "f", "dependsOn": ["w", "f"]}]}"#;
        assert_eq!(
            shown(source),
            [
                "flask 2.0.1  Main pkg:pypi/Flask@2.0.1",
                "werkzeug 2.0.0+cpu flask Main pkg:pypi/werkzeug@2.0.0%2Bcpu?x=y",
                "pytest 8  Dev(\"excluded\") pkg:pypi/pytest@8",
            ]
        );
    }

    #[test]
    fn spdx() {
        let source = r#"{"spdxVersion": "SPDX-2.3", "packages": [
              {"SPDXID": "app", "name": "shop"},
              {"SPDXID": "f", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:pypi/flask@2.0.1"}]},
              {"SPDXID": "w", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:pypi/werkzeug@2.0.0"}]}],
            "relationships": [
              {"spdxElementId": "DOC", "relationshipType": "DESCRIBES", "relatedSpdxElement": "app"},
              {"spdxElementId": "app", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": "f"},
              {"spdxElementId": "w", "relationshipType": "DEPENDENCY_OF", "relatedSpdxElement": "f"}]}"#;
        assert_eq!(
            shown(source),
            ["flask 2.0.1  Main pkg:pypi/flask@2.0.1", "werkzeug 2.0.0 flask Main pkg:pypi/werkzeug@2.0.0",]
        );
        let third = r#"{"@graph": [{"spdxId": "x", "software_packageUrl": "pkg:pypi/flask@2.0.1"}]}"#;
        assert_eq!(shown(third).len(), 1);
    }

    #[test]
    fn what_is_no_bill() {
        assert!(read_bill_of_materials("[1]").is_none());
        assert_eq!(read_bill_of_materials("{").unwrap().problems.len(), 1);
        assert!(is_bill_of_materials("sbom.json") && is_bill_of_materials("shop.cdx.json"));
        assert!(!is_bill_of_materials("bombay.json") && !is_bill_of_materials("pom.xml"));
        assert!(is_bill_of_materials("bom.xml") && is_bill_of_materials("shop.spdx"));
    }

    #[test]
    fn cyclonedx_as_xml() {
        let source = r#"<?xml version="1.0"?>
<bom xmlns="http://cyclonedx.org/schema/bom/1.6" version="1">
  <metadata><component type="application" bom-ref="app"><name>shop</name></component></metadata>
  <components>
    <component type="library" bom-ref="f"><name>flask</name><purl>pkg:pypi/flask@2.0.1</purl>
      <components><component bom-ref="w"><purl> pkg:pypi/Werkzeug@2.0.0 </purl></component></components>
    </component>
    <component bom-ref="t"><scope>excluded</scope><purl>pkg:pypi/pytest@8.0</purl></component>
    <component><purl>pkg:npm/react@1</purl></component>
  </components>
  <dependencies>
    <dependency ref="app"><dependency ref="f"/><dependency ref="t"/></dependency>
    <dependency ref="f"><dependency ref="w"/></dependency>
  </dependencies>
</bom>"#;
        assert_eq!(
            shown(source),
            [
                "flask 2.0.1  Main pkg:pypi/flask@2.0.1",
                "werkzeug 2.0.0 flask Main pkg:pypi/Werkzeug@2.0.0",
                "pytest 8.0  Main pkg:pypi/pytest@8.0",
            ]
        );
        assert!(read_bill_of_materials("<project/>").is_none());
        assert_eq!(read_bill_of_materials("<bom").unwrap().problems.len(), 1);
        let bomb = "<!DOCTYPE bom [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><bom>&b;</bom>";
        assert_eq!(read_bill_of_materials(bomb).unwrap().problems.len(), 1, "no declarations are read");
        let newer = "<bom xmlns='http://cyclonedx.org/schema/bom/2.0'/>";
        assert!(!read_bill_of_materials(newer).unwrap().known_format);
    }

    #[test]
    fn spdx_as_tags() {
        let source = "SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\nSPDXID: SPDXRef-DOCUMENT\nDocumentComment: <text>PackageName: no\nExternalRef: PACKAGE-MANAGER purl pkg:pypi/no@1\n</text>\n\nPackageName: shop\nSPDXID: SPDXRef-app\n\nPackageName: flask\nSPDXID: SPDXRef-f\nExternalRef: PACKAGE-MANAGER purl pkg:pypi/flask@2.0.1\n# Package\nPackageName: werkzeug\nSPDXID: SPDXRef-w\nExternalRef: PACKAGE_MANAGER purl pkg:pypi/werkzeug@2.0.0\nExternalRef: SECURITY cpe23Type cpe:2.3:x\nRelationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-app\nRelationship: SPDXRef-app DEPENDS_ON SPDXRef-f\nRelationship: SPDXRef-w DEPENDENCY_OF SPDXRef-f\n";
        assert_eq!(
            shown(source),
            ["flask 2.0.1  Main pkg:pypi/flask@2.0.1", "werkzeug 2.0.0 flask Main pkg:pypi/werkzeug@2.0.0"]
        );
        assert!(!read_bill_of_materials("SPDXVersion: SPDX-3.0\n").unwrap().known_format);
        let open =
            "SPDXVersion: SPDX-2.2\nPackageComment: <text>never ends\nExternalRef: x purl pkg:pypi/a@1\n";
        assert!(read_bill_of_materials(open).unwrap().packages.is_empty());
    }
}
