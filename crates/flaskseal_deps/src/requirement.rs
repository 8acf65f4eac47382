//! One requirement as PEP 508 writes it, with its place.

use std::str::FromStr as _;

use flaskseal_core::TextRange;
use pep440_rs::{Operator, Version, VersionSpecifiers};

use crate::{Marker, is_name, normalize};

/// A package that a manifest asks for.
#[derive(Clone, PartialEq, Debug)]
pub struct Requirement {
    /// Normalised.
    pub name: String,
    /// Normalised.
    pub extras: Vec<String>,
    /// Empty: any version.
    pub specifiers: VersionSpecifiers,
    /// A direct reference: a URL, a repository or a path.
    pub url: Option<String>,
    pub marker: Option<Marker>,
    pub group: Group,
    /// How many hashes stand behind it.
    pub hashes: usize,
    pub editable: bool,
    /// The packages that a resolver's comment names as the reason for this one, normalised.
    pub via: Vec<String>,
    /// A resolver's comment says that the project itself asks for it.
    pub asked: bool,
    /// Code chooses by something that is not known whether it is wanted.
    pub chosen: bool,
    /// The requirement, without options and comments.
    pub range: TextRange,
}

/// For whom a requirement is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Group {
    Main,
    /// An extra of the project, normalised.
    Extra(String),
    /// A group for developers, normalised.
    Dev(String),
}

/// Why a text is no requirement.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct RequirementError {
    pub message: String,
    pub range: TextRange,
}

impl Requirement {
    /// Reads a requirement that begins at byte `start` of its file.
    pub fn parse(text: &str, start: u32) -> Result<Self, RequirementError> {
        let trimmed = text.trim();
        let start = start + (text.len() - text.trim_start().len()) as u32;
        let range = TextRange::new(start, start + trimmed.len() as u32);
        let error = |message: String| RequirementError { message, range };
        let end = trimmed
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
            .unwrap_or(trimmed.len());
        let (written, rest) = trimmed.split_at(end);
        if !is_name(written) {
            return Err(error("names no package".to_owned()));
        }
        let mut requirement = Self::new(written, range);
        let mut rest = rest.trim_start();
        if let Some(inside) = rest.strip_prefix('[') {
            let (extras, after) =
                inside.split_once(']').ok_or_else(|| error("the extras have no `]`".to_owned()))?;
            requirement.extras = extras.split(',').map(normalize).filter(|extra| !extra.is_empty()).collect();
            rest = after.trim_start();
        }
        if let Some(reference) = rest.strip_prefix('@') {
            // A marker behind a URL needs a blank before its semicolon.
            let reference = reference.trim();
            let (url, marker) = match reference.split_once(" ;") {
                Some((url, marker)) => (url, Some(marker)),
                None => (reference, None),
            };
            requirement.url = Some(url.trim().to_owned());
            if let Some(marker) = marker {
                requirement.marker = Some(read_marker(marker).map_err(error)?);
            }
            return Ok(requirement);
        }
        let (version, marker) = match rest.split_once(';') {
            Some((version, marker)) => (version.trim(), Some(marker)),
            None => (rest, None),
        };
        let version = version
            .strip_prefix('(')
            .and_then(|inside| inside.strip_suffix(')'))
            .unwrap_or(version)
            .trim()
            .trim_end_matches(',');
        if !version.is_empty() {
            requirement.specifiers = VersionSpecifiers::from_str(version)
                .map_err(|_| error(format!("`{}` is no version constraint", shortened(version))))?;
        }
        if let Some(marker) = marker.filter(|marker| !marker.trim().is_empty()) {
            requirement.marker = Some(read_marker(marker).map_err(error)?);
        }
        Ok(requirement)
    }

    /// Any version of a package.
    pub fn new(name: &str, range: TextRange) -> Self {
        Self {
            name: normalize(name),
            extras: Vec::new(),
            specifiers: VersionSpecifiers::empty(),
            url: None,
            marker: None,
            group: Group::Main,
            hashes: 0,
            editable: false,
            via: Vec::new(),
            asked: false,
            chosen: false,
            range,
        }
    }

    /// The one version that it admits, where it names one.
    pub fn pinned(&self) -> Option<&Version> {
        let pins = |specifier: &&pep440_rs::VersionSpecifier| {
            matches!(specifier.operator(), Operator::Equal | Operator::ExactEqual)
        };
        self.specifiers.iter().find(pins).map(pep440_rs::VersionSpecifier::version)
    }

    /// Whether newer versions are kept out.
    pub fn has_upper_bound(&self) -> bool {
        self.specifiers.iter().any(|specifier| {
            matches!(
                specifier.operator(),
                Operator::Equal
                    | Operator::ExactEqual
                    | Operator::EqualStar
                    | Operator::TildeEqual
                    | Operator::LessThan
                    | Operator::LessThanEqual
            )
        })
    }
}

fn read_marker(text: &str) -> Result<Marker, String> {
    Marker::parse(text).ok_or_else(|| format!("`{}` is no environment marker", shortened(text.trim())))
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Requirement {
        Requirement::parse(text, 10).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_shape_of_a_requirement() {
        let plain = parse("Flask");
        assert_eq!((plain.name.as_str(), plain.pinned(), plain.has_upper_bound()), ("flask", None, false));
        let pinned = parse("  Flask[async, dotenv] == 2.0.1 ; python_version < '3.12'");
        assert_eq!(pinned.extras, ["async", "dotenv"]);
        assert_eq!(pinned.pinned().map(ToString::to_string).as_deref(), Some("2.0.1"));
        assert_eq!((pinned.range, pinned.marker.is_some()), (TextRange::new(12, 67), true));
        assert!(parse("a>=1,<2").has_upper_bound() && parse("a~=1.4").has_upper_bound());
        assert!(parse("a (>=1.0)").specifiers.len() == 1 && parse("a==1.*").pinned().is_none());
        let direct = parse("pip @ https://example.org/pip.zip#sha1=da9 ; sys_platform == 'win32'");
        assert_eq!(direct.url.as_deref(), Some("https://example.org/pip.zip#sha1=da9"));
        assert!(direct.marker.is_some());
    }

    #[test]
    fn what_is_no_requirement_says_why() {
        for (text, message) in [
            ("", "names no package"),
            ("-e .", "names no package"),
            ("flask[async", "the extras have no `]`"),
            ("flask=1", "`=1` is no version constraint"),
            ("flask==1; x", "`x` is no environment marker"),
            ("flask==é", "`==é` is no version constraint"),
        ] {
            assert_eq!(Requirement::parse(text, 0).unwrap_err().message, message, "{text}");
        }
    }
}
