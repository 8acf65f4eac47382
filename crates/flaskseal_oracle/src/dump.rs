//! What a booted application looks like. `oracle/dump_app.py` writes this form.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// A booted application.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct OracleDump {
    /// The project's folder at boot; absolute paths in values begin with it.
    pub root: String,
    /// The qualified name of the application's class.
    pub class: String,
    pub import_name: String,
    /// `app.config`, with the keys that Flask itself reads (upper case) and others.
    pub config: BTreeMap<String, OracleValue>,
    /// `app.debug`, which the configuration mirrors.
    pub debug: OracleValue,
    pub secret_key: OracleValue,
    pub routes: BTreeSet<OracleRoute>,
}

/// A rule of the URL map.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize)]
pub struct OracleRoute {
    /// `/orders/<int:order_id>`, with every prefix.
    pub rule: String,
    /// With the HEAD and OPTIONS that Flask adds.
    pub methods: BTreeSet<String>,
    pub endpoint: String,
    pub subdomain: Option<String>,
    pub host: Option<String>,
}

/// A Python value, without loss. Numbers keep Python's own spelling.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OracleValue {
    None,
    Bool(bool),
    /// Decimal digits with a sign; of any size.
    Int(String),
    /// `repr` of the number; Rust reads the same spelling.
    Float(String),
    Str(String),
    Bytes(Vec<u8>),
    Bytearray(Vec<u8>),
    List(Vec<Self>),
    Tuple(Vec<Self>),
    /// Sorted, since a set has no order.
    Set(Vec<Self>),
    Frozenset(Vec<Self>),
    /// In order of insertion.
    Dict(Vec<(Self, Self)>),
    Timedelta {
        days: i64,
        seconds: u32,
        microseconds: u32,
    },
    /// ISO 8601.
    Datetime(String),
    /// ISO 8601.
    Date(String),
    /// ISO 8601.
    Time(String),
    /// Any class of `pathlib`.
    Path(String),
    Enum {
        class: String,
        name: String,
        value: Box<Self>,
    },
    NamedTuple {
        class: String,
        fields: Vec<(String, Self)>,
    },
    /// Anything else, by the qualified name of its type: `builtins.property`.
    Opaque(String),
    /// Two boots disagreed: the value is random or depends on time.
    Volatile(bool),
}

impl OracleValue {
    /// Whether the value is known to its last part, so that another can be equal to it.
    pub fn is_exact(&self) -> bool {
        match self {
            Self::Opaque(_) | Self::Volatile(_) => false,
            Self::List(items) | Self::Tuple(items) | Self::Set(items) | Self::Frozenset(items) => {
                items.iter().all(Self::is_exact)
            }
            Self::Dict(pairs) => pairs.iter().all(|(key, value)| key.is_exact() && value.is_exact()),
            Self::NamedTuple { fields, .. } => fields.iter().all(|(_, value)| value.is_exact()),
            Self::Enum { value, .. } => value.is_exact(),
            _ => true,
        }
    }
}

impl OracleDump {
    /// Marks what differs between two boots of the same application as volatile.
    pub(crate) fn settle(mut self, again: &Self) -> Self {
        for (key, value) in &mut self.config {
            if again.config.get(key) != Some(value) {
                *value = OracleValue::Volatile(true);
            }
        }
        let missing =
            again.config.keys().filter(|key| !self.config.contains_key(*key)).cloned().collect::<Vec<_>>();
        self.config.extend(missing.into_iter().map(|key| (key, OracleValue::Volatile(true))));
        if self.debug != again.debug {
            self.debug = OracleValue::Volatile(true);
        }
        if self.secret_key != again.secret_key {
            self.secret_key = OracleValue::Volatile(true);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dump(config: &str) -> OracleDump {
        let text = format!(
            r#"{{"root": "/p", "class": "flask.app.Flask", "import_name": "app", "config": {config}, "debug": {{"bool": false}},
               "secret_key": "none", "routes": [{{"rule": "/", "methods": ["GET"], "endpoint": "index",
               "subdomain": null, "host": null}}]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn reads_every_kind_of_value() {
        let dump = dump(
            r#"{"A": "none", "B": {"bytes": [1, 255]}, "C": {"dict": [[{"int": "1"}, {"tuple": [{"float": "1e+16"}]}]]},
               "D": {"timedelta": {"days": 1, "seconds": 2, "microseconds": 3}}, "E": {"opaque": "builtins.property"},
               "F": {"enum": {"class": "m.E", "name": "X", "value": {"str": "x"}}},
               "G": {"named_tuple": {"class": "m.P", "fields": [["x", {"set": []}]]}}}"#,
        );
        assert_eq!(dump.config["B"], OracleValue::Bytes(vec![1, 255]));
        assert_eq!(dump.routes.first().map(|route| route.endpoint.as_str()), Some("index"));
        assert!(dump.config["C"].is_exact() && !dump.config["E"].is_exact());
        let OracleValue::Dict(pairs) = &dump.config["C"] else { panic!("a dict") };
        assert_eq!(pairs[0].1, OracleValue::Tuple(vec![OracleValue::Float("1e+16".into())]));
    }

    #[test]
    fn what_two_boots_disagree_on_is_volatile() {
        let settled = dump(r#"{"A": {"int": "1"}, "B": {"int": "2"}}"#)
            .settle(&dump(r#"{"A": {"int": "1"}, "B": {"int": "3"}, "C": "none"}"#));
        assert_eq!(settled.config["A"], OracleValue::Int("1".into()));
        assert_eq!(settled.config["B"], OracleValue::Volatile(true));
        assert_eq!(settled.config["C"], OracleValue::Volatile(true));
    }
}
