//! Which rules run: items and rules as people name them.

use std::fmt;

use flaskseal_core::{Item, RuleId, RuleMeta};

use crate::suggest::did_you_mean;

/// Something that `--only` and `--skip` can name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Selector {
    Item(Item),
    Rule(RuleId),
}

impl Selector {
    /// Reads an item's key or number, or a rule's id or name, in any case. The error is a message with a suggestion.
    pub fn parse(text: &str, rules: &[&'static RuleMeta]) -> Result<Self, String> {
        if let Some(item) = parse_item(text) {
            return Ok(Self::Item(item));
        }
        find_rule(text, rules).map(|rule| Self::Rule(rule.id)).map_err(|_| {
            let mut names = names(rules);
            names.extend(Item::ALL.map(|item| item.key().to_owned()));
            let near = did_you_mean(text, names.iter().map(String::as_str));
            format!("`{text}` is no item and no rule{near} (`flaskseal rules` lists them)")
        })
    }

    fn item(self) -> Item {
        match self {
            Self::Item(item) => item,
            Self::Rule(rule) => rule.item(),
        }
    }

    fn names(self, rule: RuleId) -> bool {
        match self {
            Self::Item(item) => rule.item() == item,
            Self::Rule(id) => rule == id,
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Item(item) => f.write_str(item.key()),
            Self::Rule(rule) => rule.fmt(f),
        }
    }
}

/// An item by key or number.
pub(crate) fn parse_item(text: &str) -> Option<Item> {
    Item::from_key(&text.to_ascii_lowercase()).or_else(|| Item::from_number(text.parse().ok()?))
}

/// An item by key or number; the error is a message with a suggestion.
pub(crate) fn require_item(text: &str) -> Result<Item, String> {
    parse_item(text).ok_or_else(|| {
        let keys = Item::ALL.map(Item::key);
        format!("`{text}` is no item{} (items: {})", did_you_mean(text, keys), keys.join(", "))
    })
}

/// A rule by id or name, in any case; the error is a message with a suggestion.
pub(crate) fn find_rule(text: &str, rules: &[&'static RuleMeta]) -> Result<&'static RuleMeta, String> {
    let id = text.to_ascii_uppercase().parse::<RuleId>().ok();
    let found = rules.iter().find(|rule| Some(rule.id) == id || rule.name.eq_ignore_ascii_case(text));
    found.copied().ok_or_else(|| {
        let near = did_you_mean(text, names(rules).iter().map(String::as_str));
        format!("`{text}` is no rule{near} (`flaskseal rules` lists them)")
    })
}

/// Everything that a rule may be called.
fn names(rules: &[&'static RuleMeta]) -> Vec<String> {
    rules.iter().flat_map(|rule| [rule.name.to_owned(), rule.id.to_string()]).collect()
}

/// What `--only` leaves after `--skip`.
#[derive(Clone, Default, Debug)]
pub struct Selection {
    /// Empty for everything.
    pub only: Vec<Selector>,
    pub skip: Vec<Selector>,
}

impl Selection {
    pub fn selects(&self, rule: RuleId) -> bool {
        let named = |selectors: &[Selector]| selectors.iter().any(|selector| selector.names(rule));
        (self.only.is_empty() || named(&self.only)) && !named(&self.skip)
    }

    /// Whether anything of the item can still be judged.
    pub fn selects_item(&self, item: Item) -> bool {
        let wanted = self.only.is_empty() || self.only.iter().any(|selector| selector.item() == item);
        wanted && !self.skip.contains(&Selector::Item(item))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use flaskseal_core::{Confidence, FixAvailability, Layer, Severity};

    pub(crate) static KEY: RuleMeta = RuleMeta {
        id: RuleId::new(301),
        name: "hardcoded-secret-key",
        summary: "`SECRET_KEY` is a literal",
        severity: Severity::High,
        confidence: Confidence::Certain,
        controls: &[flaskseal_core::ControlId::new(Item::Session, 1)],
        layers: &[Layer::Source, Layer::Deploy],
        cwe: &[321],
        owasp: Some("A02"),
        asvs: &["13.3.1"],
        fix: FixAvailability::Unsafe,
        page: "# FS301 hardcoded-secret-key\n\n## What it checks\n`SECRET_KEY` has a value that can be read.\n\n- one\n- two\n\n```python\nx = 1\n```\n\n## Examples\n\n### Never printed\n",
    };

    #[test]
    fn selectors_are_read_as_people_write_them() {
        let parse = |text| Selector::parse(text, &[&KEY]);
        assert_eq!(parse("Session"), Ok(Selector::Item(Item::Session)));
        assert_eq!(parse("3"), Ok(Selector::Item(Item::Session)));
        assert_eq!(parse("fs301"), Ok(Selector::Rule(KEY.id)));
        assert_eq!(parse("hardcoded-secret-key"), Ok(Selector::Rule(KEY.id)));
        assert!(parse("sesion").unwrap_err().contains("did you mean `session`?"));
        assert!(parse("hardcoded-secret").unwrap_err().contains("did you mean `hardcoded-secret-key`?"));
        assert!(parse("8").is_err() && parse("").is_err() && parse("FS399").is_err());
    }

    #[test]
    fn skip_wins_over_only() {
        let selection = Selection {
            only: vec![Selector::Item(Item::Session)],
            skip: vec![Selector::Rule(RuleId::new(302))],
        };
        assert!(selection.selects(RuleId::new(301)));
        assert!(!selection.selects(RuleId::new(302)) && !selection.selects(RuleId::new(101)));
        assert!(selection.selects_item(Item::Session) && !selection.selects_item(Item::Debug));
        assert!(Selection::default().selects(RuleId::new(101)));
    }
}
