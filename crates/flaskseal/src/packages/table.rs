//! The packages as a table for people.

use std::fmt::Write as _;

use flaskseal_core::Date;
use flaskseal_project::deps::Advisory;
use flaskseal_project::{Project, Reach};

use super::{Row, group_of};

/// A row for each package, those with advisories first, and what the table rests on.
pub(crate) fn table(project: &Project<'_>, rows: &[Row<'_>], today: Date) -> String {
    if rows.is_empty() {
        return "No manifest and no lock file names a package.\n".to_owned();
    }
    let mut sorted: Vec<&Row<'_>> = rows.iter().collect();
    sorted.sort_by_key(|row| (row.advisories.is_empty(), row.package.name.clone()));
    let mut lines: Vec<[String; 6]> =
        vec![["PACKAGE", "VERSION", "FOR", "USED", "ADVISORIES", "UPGRADE"].map(str::to_owned)];
    for row in &sorted {
        let package = row.package;
        let version = package.version.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
        let ids: Vec<&str> = row.advisories.iter().map(Advisory::best_id).collect();
        let advisories = match (package.version.is_some(), row.covered, ids.as_slice()) {
            (false, ..) => "not checked: no version".to_owned(),
            (_, false, []) => "not covered".to_owned(),
            (_, _, []) => "none".to_owned(),
            (_, _, [one]) => (*one).to_owned(),
            (_, _, [first, rest @ ..]) => format!("{first} and {} more", rest.len()),
        };
        let upgrade = match &row.upgrade {
            Some(upgrade) => match upgrade.obstacles.first() {
                Some(obstacle) => format!("{}, but {}", upgrade.version, obstacle.describe(&package.name)),
                None => upgrade.version.to_string(),
            },
            None if row.advisories.is_empty() => String::new(),
            None => "none known".to_owned(),
        };
        let unsure = if package.is_certain() { "" } else { "?" };
        let group = format!("{}{unsure}", group_of(package));
        lines.push([package.name.clone(), version, group, used(row), advisories, upgrade]);
    }
    let widths: Vec<usize> = (0..6)
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for line in &lines {
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    let provenance = project.advisories.provenance();
    let age = provenance.date.parse::<Date>().map_or(0, |date| today.days_since(date).max(0));
    let checked = rows.iter().filter(|row| row.package.version.is_some()).count();
    let covered = rows.iter().filter(|row| row.package.version.is_some() && row.covered).count();
    let vulnerable = rows.iter().filter(|row| !row.advisories.is_empty()).count();
    let _ = writeln!(
        text,
        "\n{vulnerable} of {} packages vulnerable; {checked} with an exact version, {covered} of these covered",
        rows.len()
    );
    let uncertain: Vec<&Row<'_>> = rows.iter().filter(|row| !row.package.is_certain()).collect();
    if !uncertain.is_empty() {
        text.push_str("`?`: installed only where this holds, which is not known\n");
    }
    for row in uncertain {
        let when = row.package.undecided.iter().map(|marker| marker.describe(&project.packages.target));
        let _ = writeln!(text, "  {}: {}", row.package.name, when.collect::<Vec<_>>().join("; "));
    }
    let _ = writeln!(text, "advisories: {} ({}, {age} days old)", provenance.source, provenance.date);
    if vulnerable > 0 {
        text.push_str(
            "next: `flaskseal check --only deps` tells each advisory, how bad it is, and the way out\n",
        );
    }
    if project.advisories.is_core() || age > flaskseal_project::deps::FRESH_DAYS {
        text.push_str("newer advisories, on all of PyPI: `flaskseal db update`\n");
    }
    text
}

pub(super) fn used(row: &Row<'_>) -> String {
    match &row.reach {
        Reach::Imported(_) => "imported".to_owned(),
        Reach::Through(parent, _) => format!("through {parent}"),
        Reach::Started => "started".to_owned(),
        Reach::Elsewhere(_) => "not by production".to_owned(),
        Reach::Tests(_) => "by tests".to_owned(),
        Reach::Nowhere => "no".to_owned(),
        Reach::Unknown => "not known".to_owned(),
    }
}
