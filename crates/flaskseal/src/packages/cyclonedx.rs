//! The packages as a CycloneDX 1.6 bill of materials, with what is known of flaws in them and of their use (VEX).
//!
//! The same tree, database and day give the same bytes: there is no serial number and no time of day.

use std::collections::{BTreeMap, BTreeSet};

use flaskseal_core::Date;
use flaskseal_project::deps::{Advisory, Group, fixed_versions};
use flaskseal_project::{Package, Project, Reach};
use serde_json::{Map, Value, json};

use super::Row;

pub(crate) fn cyclonedx(project: &Project<'_>, rows: &[Row<'_>], name: &str, today: Date) -> String {
    let root = format!("application:{name}");
    let mut seen = BTreeSet::new();
    let listed: Vec<&Row<'_>> = rows.iter().filter(|row| seen.insert(reference(row.package))).collect();
    let components: Vec<Value> = listed.iter().map(|row| component(row)).collect();
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": format!("{today}T00:00:00Z"),
            "tools": { "components": [{
                "type": "application",
                "name": "flaskseal",
                "version": env!("CARGO_PKG_VERSION"),
            }] },
            "component": { "type": "application", "name": name, "bom-ref": root },
            "properties": [
                property("flaskseal:advisories:source", &project.advisories.provenance().source),
                property("flaskseal:advisories:date", &project.advisories.provenance().date),
            ],
        },
        "components": components,
        "dependencies": dependencies(&listed, &root),
        "vulnerabilities": vulnerabilities(&listed),
    });
    let mut text = serde_json::to_string_pretty(&document).expect("a document has only text keys");
    text.push('\n');
    text
}

fn property(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value })
}

/// The package URL: also what the document calls the component.
fn reference(package: &Package) -> String {
    match &package.version {
        // In a package URL a local version's `+` and an epoch's `!` are escaped.
        Some(version) => {
            let version = version.to_string().replace('%', "%25").replace('+', "%2B").replace('!', "%21");
            format!("pkg:pypi/{}@{version}", package.name)
        }
        None => format!("pkg:pypi/{}", package.name),
    }
}

fn component(row: &Row<'_>) -> Value {
    let package = row.package;
    let reference = reference(package);
    let mut component = Map::new();
    component.insert("type".to_owned(), json!("library"));
    component.insert("bom-ref".to_owned(), json!(reference));
    component.insert("name".to_owned(), json!(package.name));
    if let Some(version) = &package.version {
        component.insert("version".to_owned(), json!(version.to_string()));
    }
    component.insert("purl".to_owned(), json!(reference));
    let scope = match package.group {
        Group::Main if package.is_certain() => "required",
        Group::Main | Group::Extra(_) => "optional",
        Group::Dev(_) => "excluded",
    };
    component.insert("scope".to_owned(), json!(scope));
    Value::Object(component)
}

/// Which package wants which, as far as the lists say: each package below the last one on its way.
fn dependencies(rows: &[&Row<'_>], root: &str) -> Value {
    let references: BTreeMap<&str, String> =
        rows.iter().map(|row| (row.package.name.as_str(), reference(row.package))).collect();
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    edges.insert(root.to_owned(), BTreeSet::new());
    for row in rows {
        let own = reference(row.package);
        let parent = row.package.path.last().and_then(|parent| references.get(parent.as_str()));
        edges.entry(own.clone()).or_default();
        let above = parent.cloned().unwrap_or_else(|| root.to_owned());
        if above != own {
            edges.entry(above).or_default().insert(own);
        }
    }
    let entry =
        |(reference, wants): (&String, &BTreeSet<String>)| json!({ "ref": reference, "dependsOn": wants });
    Value::Array(edges.iter().map(entry).collect())
}

fn vulnerabilities(rows: &[&Row<'_>]) -> Value {
    let of_row = |row: &&Row<'_>| -> Vec<Value> {
        row.advisories.iter().map(|advisory| vulnerability(row, advisory)).collect()
    };
    Value::Array(rows.iter().flat_map(of_row).collect())
}

fn vulnerability(row: &Row<'_>, advisory: &Advisory) -> Value {
    let best = advisory.best_id();
    let references: Vec<Value> = advisory
        .ids()
        .filter(|id| *id != best)
        .map(|id| json!({ "id": id, "source": { "name": "OSV", "url": format!("https://osv.dev/vulnerability/{id}") } }))
        .collect();
    let mut entry = Map::new();
    entry.insert("bom-ref".to_owned(), json!(format!("{best}:{}", reference(row.package))));
    entry.insert("id".to_owned(), json!(best));
    entry.insert(
        "source".to_owned(),
        json!({ "name": "OSV", "url": format!("https://osv.dev/vulnerability/{}", advisory.id) }),
    );
    if !references.is_empty() {
        entry.insert("references".to_owned(), Value::Array(references));
    }
    entry.insert("ratings".to_owned(), json!([rating(advisory)]));
    if !advisory.cwe.is_empty() {
        entry.insert("cwes".to_owned(), json!(advisory.cwe));
    }
    if !advisory.summary.is_empty() {
        entry.insert("description".to_owned(), json!(advisory.summary));
    }
    if let Some(version) = &row.package.version {
        let fixed: Vec<String> = fixed_versions(advisory, version).iter().map(ToString::to_string).collect();
        if !fixed.is_empty() {
            let text = format!("install {} {} or newer", row.package.name, fixed.join(", or "));
            entry.insert("recommendation".to_owned(), json!(text));
        }
    }
    entry.insert("affects".to_owned(), json!([{ "ref": reference(row.package) }]));
    entry.insert("analysis".to_owned(), analysis(row));
    Value::Object(entry)
}

fn rating(advisory: &Advisory) -> Value {
    let Some(score) = &advisory.score else {
        let word = match advisory.word.as_deref() {
            Some("moderate" | "medium") => "medium",
            Some(word @ ("critical" | "high" | "low" | "none")) => word,
            _ => "unknown",
        };
        return json!({ "severity": word });
    };
    let method = match score.vector.get(..8) {
        Some("CVSS:4.0") => "CVSSv4",
        Some("CVSS:3.1") => "CVSSv31",
        Some("CVSS:3.0") => "CVSSv3",
        _ => "CVSSv2",
    };
    let severity = match score.value {
        value if value >= 9.0 => "critical",
        value if value >= 7.0 => "high",
        value if value >= 4.0 => "medium",
        value if value > 0.0 => "low",
        _ => "none",
    };
    json!({ "score": score.value, "severity": severity, "method": method, "vector": score.vector })
}

/// What follows from how far production reaches the package. That nothing imports it is no proof, so it ends in
/// triage; what only developers install is not in production at all.
fn analysis(row: &Row<'_>) -> Value {
    if matches!(row.package.group, Group::Dev(_)) {
        return json!({
            "state": "not_affected",
            "justification": "code_not_present",
            "detail": "installed for developers only, not in production",
        });
    }
    match &row.reach {
        Reach::Imported(_) => {
            json!({ "state": "exploitable", "detail": "code that production runs imports the package" })
        }
        Reach::Through(parent, _) => {
            json!({ "state": "exploitable", "detail": format!("production uses the package through {parent}") })
        }
        Reach::Started => {
            json!({ "state": "exploitable", "detail": "production starts or loads the package" })
        }
        Reach::Elsewhere(_) => {
            json!({ "state": "in_triage", "detail": "only code imports the package that production does not load" })
        }
        Reach::Tests(_) => json!({ "state": "in_triage", "detail": "only tests import the package" }),
        Reach::Nowhere => {
            json!({ "state": "in_triage", "detail": "nothing in the tree imports the package" })
        }
        Reach::Unknown => json!({ "state": "in_triage", "detail": "no application could be followed" }),
    }
}
