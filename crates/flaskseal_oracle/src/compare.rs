//! Holds the evaluator against real Flask: a value that it calls known must be the one that Flask has, and a route
//! that it lists must exist.

use std::fmt;

use flaskseal_project::semantic::{App, Fact, FactKind, Rope, Segment, Source};

use crate::{OracleDump, OracleValue};

/// What came of comparing an application.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Settings with a known value that is the right one.
    pub equal: usize,
    /// Settings whose value the evaluator does not claim to know.
    pub unknown: Vec<String>,
    /// Settings that the evaluator does not list: an extension adds them, or they come from a mapping whose keys
    /// are not known.
    pub not_listed: Vec<String>,
    /// Known values that are wrong, and routes that do not exist. Must be empty.
    pub wrong: Vec<String>,
    pub routes_equal: usize,
    /// Routes that exist and are not listed.
    pub routes_not_listed: Vec<String>,
}

impl Comparison {
    /// The share of listed settings whose value is not known, in percent.
    #[allow(clippy::cast_precision_loss, reason = "counts are small")]
    pub fn unknown_percent(&self) -> f64 {
        let total = self.equal + self.unknown.len();
        if total == 0 { 0.0 } else { 100.0 * self.unknown.len() as f64 / total as f64 }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} settings equal, {} unknown ({:.1} %), {} not listed, {} wrong; {} routes equal, {} not listed",
            self.equal,
            self.unknown.len(),
            self.unknown_percent(),
            self.not_listed.len(),
            self.wrong.len(),
            self.routes_equal,
            self.routes_not_listed.len()
        )?;
        for wrong in &self.wrong {
            writeln!(f, "  wrong: {wrong}")?;
        }
        for unknown in &self.unknown {
            writeln!(f, "  unknown: {unknown}")?;
        }
        Ok(())
    }
}

/// How a fact stands to the value that Flask has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Match {
    Equal,
    Unknown,
    Wrong,
}

/// Compares the evaluator's application with the booted one.
pub fn compare(app: &App, dump: &OracleDump) -> Comparison {
    let mut comparison = Comparison::default();
    for (name, value) in &dump.config {
        let Some(setting) = app.setting(name) else {
            comparison.not_listed.push(name.clone());
            continue;
        };
        match matches(&setting.value, value, &dump.root) {
            Match::Equal => comparison.equal += 1,
            Match::Unknown => comparison.unknown.push(format!("{name}: {}", describe(&setting.value))),
            Match::Wrong => {
                comparison
                    .wrong
                    .push(format!("{name}: evaluated as {}, but is {value:?}", describe(&setting.value)));
            }
        }
    }
    for setting in &app.settings {
        if !dump.config.contains_key(&*setting.name) && may_be_absent(&setting.value) == Some(false) {
            comparison.wrong.push(format!(
                "{}: evaluated as {}, but is not set",
                setting.name,
                describe(&setting.value)
            ));
        }
    }
    compare_routes(app, dump, &mut comparison);
    comparison
}

fn compare_routes(app: &App, dump: &OracleDump, comparison: &mut Comparison) {
    let mut found = vec![false; dump.routes.len()];
    for route in &app.routes {
        let (Some(rule), Some(methods)) = (route.rule.as_str(), &route.methods) else { continue };
        let position = dump.routes.iter().position(|known| {
            known.rule == rule
                && methods.iter().all(|method| known.methods.contains(method))
                && route.endpoint.as_str().is_none_or(|endpoint| endpoint == known.endpoint)
        });
        match position {
            Some(position) => {
                found[position] = true;
                comparison.routes_equal += 1;
            }
            None => {
                let endpoint = route.endpoint.as_str().unwrap_or("?");
                comparison.wrong.push(format!("route {rule} {methods:?} ({endpoint}) does not exist"));
            }
        }
    }
    for (route, found) in dump.routes.iter().zip(found) {
        // Flask's own route for static files is not the program's.
        if !found && route.endpoint != "static" && !route.endpoint.ends_with(".static") {
            comparison.routes_not_listed.push(format!("{} ({})", route.rule, route.endpoint));
        }
    }
}

/// Whether the key may be missing; `None` where that is not known.
fn may_be_absent(fact: &Fact) -> Option<bool> {
    match &fact.kind {
        FactKind::Absent => Some(true),
        FactKind::Unknown => None,
        FactKind::OneOf(alternatives) => {
            if alternatives.iter().any(|(fact, _)| matches!(fact.kind, FactKind::Absent)) {
                None
            } else {
                Some(false)
            }
        }
        _ => Some(false),
    }
}

#[allow(clippy::cast_precision_loss, reason = "durations are small")]
fn matches(fact: &Fact, value: &OracleValue, root: &str) -> Match {
    let verdict = |equal: bool| if equal { Match::Equal } else { Match::Wrong };
    if let FactKind::OneOf(alternatives) = &fact.kind {
        let possible = alternatives.iter().any(|(fact, _)| matches(fact, value, root) != Match::Wrong);
        return if possible { Match::Unknown } else { Match::Wrong };
    }
    if matches!(value, OracleValue::Volatile(_)) {
        // What two boots disagree on, nobody can know.
        return verdict(!fact.is_known());
    }
    match (&fact.kind, value) {
        // What the program leaves unset, an extension may set.
        (FactKind::Unknown | FactKind::Absent | FactKind::Path(_) | FactKind::EncodedText(_), _) => {
            Match::Unknown
        }
        (FactKind::SomeBool, OracleValue::Bool(_))
        | (FactKind::SomeInt, OracleValue::Int(_) | OracleValue::Bool(_)) => Match::Unknown,
        (FactKind::SomeFloat, OracleValue::Float(_) | OracleValue::Int(_)) => Match::Unknown,
        (FactKind::None, OracleValue::None) => Match::Equal,
        (FactKind::Bool(ours), OracleValue::Bool(theirs)) => verdict(ours == theirs),
        (FactKind::Int(ours), OracleValue::Int(theirs)) => verdict(ours.to_string() == *theirs),
        (FactKind::Float(ours), OracleValue::Float(theirs)) => {
            let close = |theirs: f64| {
                ours.to_bits() == theirs.to_bits() || (ours - theirs).abs() <= theirs.abs() * 1e-12
            };
            verdict(theirs.parse::<f64>().is_ok_and(close))
        }
        (FactKind::Str(rope), OracleValue::Str(theirs)) => rope_matches(rope, theirs, root),
        (FactKind::Bytes(ours), OracleValue::Bytes(theirs) | OracleValue::Bytearray(theirs)) => {
            verdict(**ours == **theirs)
        }
        (
            FactKind::Sequence { items, open },
            OracleValue::List(theirs)
            | OracleValue::Tuple(theirs)
            | OracleValue::Set(theirs)
            | OracleValue::Frozenset(theirs),
        ) => {
            let is_set = matches!(value, OracleValue::Set(_) | OracleValue::Frozenset(_));
            if *open {
                return Match::Unknown;
            }
            if items.len() != theirs.len() {
                return Match::Wrong;
            }
            if is_set {
                let all = items
                    .iter()
                    .all(|item| theirs.iter().any(|their| matches(item, their, root) != Match::Wrong));
                return verdict(all);
            }
            worst(items.iter().zip(theirs).map(|(ours, theirs)| matches(ours, theirs, root)))
        }
        (FactKind::Dict { entries, open }, OracleValue::Dict(theirs)) => {
            if *open || entries.iter().any(|(_, value)| may_be_absent(value) != Some(false)) {
                return Match::Unknown;
            }
            if entries.len() != theirs.len() {
                return Match::Wrong;
            }
            worst(entries.iter().map(|(key, value)| {
                match theirs.iter().find(|(their_key, _)| matches(key, their_key, root) == Match::Equal) {
                    Some((_, their_value)) => matches(value, their_value, root),
                    None => Match::Wrong,
                }
            }))
        }
        (FactKind::Instance(class, attributes), theirs) => {
            let hidden =
                |name: &str| attributes.iter().find(|(known, _)| &**known == name).map(|(_, fact)| fact);
            match theirs {
                OracleValue::Timedelta { days, seconds, microseconds } => {
                    let theirs =
                        *days as f64 * 86_400.0 + f64::from(*seconds) + f64::from(*microseconds) / 1e6;
                    match hidden("@seconds").map(|fact| &fact.kind) {
                        Some(FactKind::Float(ours)) => verdict((ours - theirs).abs() < 1e-6),
                        _ if *class.name == *"datetime.timedelta" => Match::Unknown,
                        _ => Match::Wrong,
                    }
                }
                OracleValue::Path(path) => match hidden("@path").map(|fact| &fact.kind) {
                    Some(FactKind::Str(rope)) => rope_matches(rope, path, root),
                    _ => Match::Unknown,
                },
                OracleValue::Enum { value, .. } => match hidden("value") {
                    Some(ours) => matches(ours, value, root),
                    None => Match::Unknown,
                },
                OracleValue::NamedTuple { fields, .. } => worst(fields.iter().map(|(name, value)| {
                    hidden(name).map_or(Match::Unknown, |ours| matches(ours, value, root))
                })),
                OracleValue::Opaque(_) => Match::Equal,
                _ => Match::Unknown,
            }
        }
        (FactKind::Class(_) | FactKind::Function(_), OracleValue::Opaque(_)) => Match::Equal,
        (FactKind::Class(_) | FactKind::Function(_), _) => Match::Wrong,
        _ => Match::Wrong,
    }
}

fn worst(matches: impl Iterator<Item = Match>) -> Match {
    matches.fold(Match::Equal, |worst, next| match (worst, next) {
        (Match::Wrong, _) | (_, Match::Wrong) => Match::Wrong,
        (Match::Unknown, _) | (_, Match::Unknown) => Match::Unknown,
        _ => Match::Equal,
    })
}

/// Text whose only hole is the folder of the project is known once the folder is.
fn rope_matches(rope: &Rope, theirs: &str, root: &str) -> Match {
    let mut text = String::new();
    for segment in rope.segments() {
        match segment {
            Segment::Literal(literal) => text.push_str(literal),
            Segment::Hole(hole) if matches!(hole.source, Source::Root) => text.push_str(root),
            Segment::Hole(_) => return Match::Unknown,
        }
    }
    if text == theirs { Match::Equal } else { Match::Wrong }
}

fn describe(fact: &Fact) -> String {
    match &fact.kind {
        FactKind::Str(rope) => format!("{:?}", rope.to_string()),
        FactKind::OneOf(alternatives) => {
            let parts: Vec<String> = alternatives
                .iter()
                .map(|(fact, guard)| format!("{} [{}]", describe(fact), guard.describe()))
                .collect();
            format!("one of {}", parts.join(", "))
        }
        FactKind::Instance(class, attributes) => {
            let attributes: Vec<String> =
                attributes.iter().map(|(name, fact)| format!("{name}={}", describe(fact))).collect();
            format!("{}({})", class.name, attributes.join(", "))
        }
        kind => format!("{kind:?}"),
    }
}
