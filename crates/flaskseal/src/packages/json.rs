//! The packages as JSON, for programs. `docs/json.md` says what each member means.

use flaskseal_project::Project;
use flaskseal_project::deps::{Advisory, Version, fixed_versions};
use serde_json::{Value, json};

use super::table::used;
use super::{Row, group_of};

pub(crate) fn json(project: &Project<'_>, rows: &[Row<'_>]) -> String {
    let provenance = project.advisories.provenance();
    let document = json!({
        "schema": "flaskseal-deps/1",
        "advisories": {
            "source": provenance.source,
            "date": provenance.date,
            "count": provenance.advisories,
            "packages": provenance.packages,
        },
        "packages": rows.iter().map(|row| package(project, row)).collect::<Vec<Value>>(),
    });
    let mut text = serde_json::to_string_pretty(&document).expect("a document has only text keys");
    text.push('\n');
    text
}

fn package(project: &Project<'_>, row: &Row<'_>) -> Value {
    let package = row.package;
    let shown = |version: &Option<Version>| version.as_ref().map(ToString::to_string);
    let advisories: Vec<Value> = match &package.version {
        Some(version) => row.advisories.iter().map(|one| advisory(one, version)).collect(),
        None => Vec::new(),
    };
    json!({
        "name": package.name,
        "version": shown(&package.version),
        "for": group_of(package),
        "certain": package.is_certain(),
        "only_where": package.undecided.iter().map(ToString::to_string).collect::<Vec<String>>(),
        "path": package.path,
        "file": &*project.tree.file(package.span.file).path,
        "used": used(row),
        "covered": row.covered,
        "upgrade": row.upgrade.as_ref().map(|upgrade| json!({
            "version": upgrade.version.to_string(),
            "kept_out_by": upgrade.obstacles.iter().map(|one| json!({
                "package": one.by,
                "constraint": one.constraint.to_string(),
            })).collect::<Vec<Value>>(),
        })),
        "advisories": advisories,
    })
}

fn advisory(advisory: &Advisory, version: &Version) -> Value {
    let fixed: Vec<String> = fixed_versions(advisory, version).iter().map(ToString::to_string).collect();
    json!({
        "id": advisory.best_id(),
        "ids": advisory.ids().collect::<Vec<&str>>(),
        "summary": advisory.summary,
        "cvss": advisory.score.as_ref().map(|score| json!({ "score": score.value, "vector": score.vector })),
        "severity": advisory.word,
        "cwe": advisory.cwe,
        "fixed": fixed,
    })
}
