//! FS552: an expression stands in a script, where escaping for HTML is the wrong escaping.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::jinja::{Position, Quote, ScriptPlace, Value};
use flaskseal_project::semantic::Alphabet;
use flaskseal_project::{Coding, Nature, Piece, Project};

use super::printed::Flaw;
use super::{ESCAPED_OUTPUT, printed};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(552),
    name: "unsafe-template-script",
    summary: "An expression stands in a script, an event handler or a style, where HTML escaping does not protect.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[ESCAPED_OUTPUT],
    layers: &[Layer::Template],
    cwe: &[79, 116],
    owasp: Some("A03"),
    asvs: &["V1.2.3"],
    fix: FixAvailability::None,
    page: include_str!("fs552_unsafe_template_script.md"),
};

pub(crate) struct UnsafeTemplateScript;

impl Rule for UnsafeTemplateScript {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_templates(&self, project: &Project<'_>, out: &mut Assessment) {
        for (file, print) in printed::prints(project) {
            let Some(place) = Place::of(&print.position) else { continue };
            let Some(flaw) = Flaw::worst(file, print, |piece| place.is_left_by(piece)) else { continue };
            let severity = match flaw.piece.nature {
                Nature::Request => place.severity(flaw.piece),
                Nature::Stored => place.severity(flaw.piece).lowered(),
                _ => Severity::Low,
            };
            let confidence =
                if flaw.piece.nature == Nature::Unknown { Confidence::Tentative } else { flaw.confidence() };
            let message = format!("{} is printed {}", flaw.called(), place.shown());
            let advice = match place.kind {
                Kind::Style => "set the style from a fixed list, or put the value into a `data-` attribute",
                Kind::Handler(_) => {
                    "put the value into a `data-` attribute in quotes, and read it from the script"
                }
                Kind::Script => "print a complete literal, without quotes around it: `{{ value|tojson }}`",
            };
            let claim = "HTML escaping is the wrong escaping here";
            let finding = flaw.finding(&META, severity, confidence, message, claim, advice);
            let example = flaw.example(project, place.payloads(flaw.piece));
            out.fail(printed::showing(finding, example));
        }
    }
}

/// A place that is script or style.
struct Place {
    kind: Kind,
    script: ScriptPlace,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Script,
    /// In an attribute with these quotes, whose entities are decoded before it runs.
    Handler(Quote),
    Style,
}

impl Place {
    fn of(position: &Position) -> Option<Self> {
        match position {
            Position::Script(script) => Some(Self { kind: Kind::Script, script: *script }),
            Position::Attribute { value: Value::Script(script), quote, .. } => {
                Some(Self { kind: Kind::Handler(*quote), script: *script })
            }
            Position::Style | Position::Attribute { value: Value::Style, .. } => {
                Some(Self { kind: Kind::Style, script: ScriptPlace::Code })
            }
            _ => None,
        }
    }

    fn is_left_by(&self, piece: &Piece) -> bool {
        piece.is_open() && piece.alphabet.meets(self.breaks(piece))
    }

    /// The characters that leave the place and arrive there.
    fn breaks(&self, piece: &Piece) -> Alphabet {
        let is_handler = matches!(self.kind, Kind::Handler(_));
        let is_escaped = piece.coding == Coding::Escaped && !is_handler;
        let with = |always: &str, unless_escaped: &str| {
            let always = Alphabet::of(always);
            if is_escaped { always } else { always.union(Alphabet::of(unless_escaped)) }
        };
        if self.kind == Kind::Style {
            return if matches!(piece.coding, Coding::Json | Coding::EscapedJson) {
                Alphabet::NONE
            } else {
                with(";}\\(", "<")
            };
        }
        match (piece.coding, self.script) {
            // A complete literal where a literal may stand.
            (Coding::Json, ScriptPlace::Code) => {
                if self.kind == Kind::Handler(Quote::Double) || self.kind == Kind::Handler(Quote::None) {
                    return Alphabet::ALL;
                }
                return Alphabet::NONE;
            }
            (Coding::EscapedJson, ScriptPlace::Code) => return Alphabet::NONE,
            (Coding::Json, ScriptPlace::Single) => return Alphabet::NONE,
            _ => {}
        }
        match self.script {
            ScriptPlace::Code | ScriptPlace::Regex => Alphabet::ALL.without(Alphabet::of("0123456789.")),
            ScriptPlace::Single => with("\\\n", "'<"),
            ScriptPlace::Double => with("\\\n", "\"<"),
            ScriptPlace::Template => Alphabet::of("`\\$"),
            ScriptPlace::LineComment => Alphabet::of("\n"),
            ScriptPlace::BlockComment => Alphabet::of("*"),
        }
    }

    /// Texts that run a script from here.
    fn payloads(&self, piece: &Piece) -> &'static [&'static str] {
        let is_escaped = piece.coding == Coding::Escaped && !matches!(self.kind, Kind::Handler(_));
        match (self.kind, self.script) {
            (Kind::Style, _) if is_escaped => &["red;background:url(//evil.example/)"],
            (Kind::Style, _) => &["</style><script>alert(1)</script>"],
            (_, ScriptPlace::Code) => &["alert(1)"],
            (_, ScriptPlace::Regex) => &["x/.exec(alert(1))+/x"],
            // Escaped, a backslash can take the closing quote away, and no more.
            (_, ScriptPlace::Single | ScriptPlace::Double) if is_escaped => &["\\"],
            (_, ScriptPlace::Single) => &["'-alert(1)-'", "</script><script>alert(1)</script>"],
            (_, ScriptPlace::Double) => &["\"-alert(1)-\"", "</script><script>alert(1)</script>"],
            (_, ScriptPlace::Template) => &["${alert(1)}"],
            (_, ScriptPlace::LineComment) => &["\nalert(1)//"],
            (_, ScriptPlace::BlockComment) => &["*/alert(1)/*"],
        }
    }

    fn severity(&self, piece: &Piece) -> Severity {
        match (self.kind, self.script) {
            (Kind::Style, _) => Severity::Low,
            (Kind::Handler(_), _) => Severity::High,
            (Kind::Script, ScriptPlace::Single | ScriptPlace::Double) if piece.coding == Coding::Escaped => {
                Severity::Medium
            }
            (Kind::Script, ScriptPlace::LineComment | ScriptPlace::BlockComment) => Severity::Medium,
            (Kind::Script, _) => Severity::High,
        }
    }

    fn shown(&self) -> &'static str {
        match (self.kind, self.script) {
            (Kind::Style, _) => "in a style",
            (Kind::Handler(_), _) => "in the script of an attribute, after its entities are decoded",
            (Kind::Script, ScriptPlace::Single | ScriptPlace::Double) => "in a string of a script",
            (Kind::Script, ScriptPlace::Template) => "in a template literal of a script",
            (Kind::Script, ScriptPlace::LineComment | ScriptPlace::BlockComment) => {
                "in a comment of a script"
            }
            (Kind::Script, ScriptPlace::Code | ScriptPlace::Regex) => "as code of a script",
        }
    }
}
