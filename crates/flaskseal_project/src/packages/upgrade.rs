//! Which version to move to, and whose constraint stands in the way.

use flaskseal_deps::{Advisory, Kind, Version, VersionSpecifiers, admits, smallest_upgrade};

use super::Package;

/// A version that no advisory affects.
#[derive(Clone, PartialEq, Debug)]
pub struct Upgrade {
    pub version: Version,
    /// Who has to admit it first; empty where everybody does.
    pub obstacles: Vec<Obstacle>,
}

/// A constraint that keeps a version out.
#[derive(Clone, PartialEq, Debug)]
pub struct Obstacle {
    /// The package whose constraint it is; `None` for the project's own.
    pub by: Option<String>,
    pub constraint: VersionSpecifiers,
}

impl Package {
    /// The smallest version that everybody admits and that none of all advisories on the package affects, or else the
    /// smallest that somebody keeps out; none that was published to do harm, or taken back as the records of `yanked` say.
    /// `None` where no such version is known.
    pub fn upgrade(&self, all: &[Advisory], yanked: &[Advisory]) -> Option<Upgrade> {
        let current = self.version.as_ref()?;
        let flaws: Vec<Advisory> =
            all.iter().filter(|advisory| advisory.kind == Kind::Vulnerability).cloned().collect();
        let keeps_out = |candidate: &Version| self.obstacles(candidate);
        let is_bad = |candidate: &Version| {
            let harmful = all.iter().filter(|record| record.kind != Kind::Vulnerability);
            harmful.chain(yanked).any(|record| record.affects(candidate))
        };
        if let Some(version) =
            smallest_upgrade(&flaws, current, &|version| !is_bad(version) && keeps_out(version).is_empty())
        {
            return Some(Upgrade { version, obstacles: Vec::new() });
        }
        let version = smallest_upgrade(&flaws, current, &|version| !is_bad(version))?;
        let obstacles = keeps_out(&version);
        Some(Upgrade { version, obstacles })
    }

    fn obstacles(&self, version: &Version) -> Vec<Obstacle> {
        // A pin is what an upgrade changes; a range may stand in its way.
        let is_pin = self.constraint.iter().any(|one| one.operator().to_string().starts_with("=="));
        let own = (!is_pin && !admits(&self.constraint, version))
            .then(|| Obstacle { by: None, constraint: self.constraint.clone() });
        let others = self.wanted.iter().filter(|(_, constraint)| !admits(constraint, version));
        let others =
            others.map(|(by, constraint)| Obstacle { by: Some(by.clone()), constraint: constraint.clone() });
        own.into_iter().chain(others).collect()
    }
}

impl Obstacle {
    /// "`flask` wants `werkzeug<3`": a clause on the package that is kept back.
    pub fn describe(&self, package: &str) -> String {
        match &self.by {
            Some(by) => format!("`{by}` wants `{package}{}`", self.constraint),
            None => format!("the project wants `{package}{}`", self.constraint),
        }
    }
}
