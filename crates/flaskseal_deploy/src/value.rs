//! What a deployment file says a value is, and how `$NAME` in its dialects is replaced.

/// A text, or what stands in for one that the tree does not hold.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Value {
    /// This text, whatever happens outside the tree.
    Known(String),
    /// Given from outside the tree.
    External {
        /// As the file spells it: `${SECRET_KEY:-changeme}`, `secretKeyRef app/key`.
        written: String,
        /// What runs when outside gives nothing. None: empty, or the start fails.
        default: Option<String>,
    },
}

impl Value {
    pub fn known(text: impl Into<String>) -> Self {
        Self::Known(text.into())
    }

    pub fn external(written: impl Into<String>) -> Self {
        Self::External { written: written.into(), default: None }
    }

    /// The text when it is certain.
    pub fn as_known(&self) -> Option<&str> {
        match self {
            Self::Known(text) => Some(text),
            Self::External { .. } => None,
        }
    }

    /// The text that runs as far as the tree tells: known, or the default.
    pub fn or_default(&self) -> Option<&str> {
        match self {
            Self::Known(text) => Some(text),
            Self::External { default, .. } => default.as_deref(),
        }
    }

    /// For recognition and for people: known, else the default, else as written.
    pub fn text(&self) -> &str {
        match self {
            Self::Known(text) => text,
            Self::External { written, default } => default.as_ref().unwrap_or(written),
        }
    }

    /// Bytes that it holds.
    fn size(&self) -> usize {
        match self {
            Self::Known(text) => text.len(),
            Self::External { written, default } => written.len() + default.as_ref().map_or(0, String::len),
        }
    }

    fn written(&self) -> &str {
        match self {
            Self::Known(text) => text,
            Self::External { written, .. } => written,
        }
    }
}

/// Whose rules replace variables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// POSIX shell: all of it, and `$(command)`.
    Shell,
    /// `$X`, `${X:-d}`, `${X:+d}`, a backslash escapes (Dockerfile reference, "Environment replacement").
    Dockerfile,
    /// `$X`, `${X:-d}`, `${X-d}`, `${X:?e}`, `${X?e}`, `${X:+r}`, `${X+r}`, `$$` (Compose specification, "Interpolation").
    Compose,
    /// `$X` and `${X}`, `$$` (systemd.service(5), "Command lines").
    Systemd,
    /// `${X}` and `${X:-d}` only (python-dotenv 1.x, `variables.py`).
    Dotenv,
}

/// A part of a text with variables.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    Literal(String),
    Parameter(Parameter),
    /// The output of a command: never known.
    Command(String),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parameter {
    pub name: String,
    pub operator: Operator,
    /// What stands behind the operator.
    pub word: Vec<Part>,
    pub written: String,
    pub quoted: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator {
    /// `$X`, `${X}`
    Plain,
    /// `${X:-word}`, `${X-word}`, and with `=` in shells
    Default { empty_too: bool },
    /// `${X:?message}`
    Required,
    /// `${X:+word}`
    Alternative,
    /// Prefix, suffix and pattern operators, which are not computed.
    Other,
}

/// Nested defaults deeper than this stay as they are written.
const MAX_DEPTH: usize = 16;

/// Bytes that a text may grow to: `A=$A$A` doubles with every line.
pub(crate) const MAX_TEXT: usize = 64 * 1024;

/// After so many `${` without `}` in one text, dollars are literal.
pub(crate) const MAX_UNCLOSED: usize = 8;

/// Cuts a text into literals and parameters.
pub(crate) fn parts(text: &str, dialect: Dialect) -> Vec<Part> {
    parts_within(text, dialect, 0)
}

fn parts_within(text: &str, dialect: Dialect, depth: usize) -> Vec<Part> {
    let mut found = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    let mut unclosed = 0;
    while let Some(character) = rest.chars().next() {
        let width = character.len_utf8();
        let next = rest.get(width..).unwrap_or("");
        if character == '\\' && dialect == Dialect::Dockerfile {
            let escaped = next.chars().next();
            literal.push(escaped.unwrap_or('\\'));
            rest = next.get(escaped.map_or(0, char::len_utf8)..).unwrap_or("");
            continue;
        }
        if character == '$' {
            if next.starts_with('$') && matches!(dialect, Dialect::Compose | Dialect::Systemd) {
                literal.push('$');
                rest = next.get(1..).unwrap_or("");
                continue;
            }
            if unclosed == MAX_UNCLOSED {
                // Looking for one more closing brace would make hostile text cost its square.
            } else if let Some((parameter, length)) = parameter_within(rest, dialect, depth) {
                if !literal.is_empty() {
                    found.push(Part::Literal(std::mem::take(&mut literal)));
                }
                found.push(Part::Parameter(parameter));
                rest = rest.get(length..).unwrap_or("");
                continue;
            } else if next.starts_with('{') {
                unclosed += 1;
            }
        }
        literal.push(character);
        rest = next;
    }
    if !literal.is_empty() || found.is_empty() {
        found.push(Part::Literal(literal));
    }
    found
}

/// Reads the parameter that `text` starts with (`$X`, `${X...}`), and its length in bytes.
pub(crate) fn parameter(text: &str, dialect: Dialect) -> Option<(Parameter, usize)> {
    parameter_within(text, dialect, 0)
}

fn parameter_within(text: &str, dialect: Dialect, depth: usize) -> Option<(Parameter, usize)> {
    let after = text.strip_prefix('$')?;
    if let Some(inner) = after.strip_prefix('{') {
        let close = closing_brace(inner, dialect)?;
        let inner = inner.get(..close)?;
        let length = close + 3;
        let name_length = name_length(inner, dialect);
        let name = inner.get(..name_length)?.to_owned();
        let rest = inner.get(name_length..)?;
        if name.is_empty() {
            // `${#X}` and the like, in shells alone.
            let parameter = Parameter {
                name,
                operator: Operator::Other,
                word: Vec::new(),
                written: text.get(..length)?.to_owned(),
                quoted: false,
            };
            return (dialect == Dialect::Shell).then_some((parameter, length));
        }
        let (operator, word) = operator(rest, dialect);
        let word = if depth < MAX_DEPTH {
            parts_within(word, dialect, depth + 1)
        } else {
            vec![Part::Literal(word.to_owned())]
        };
        let written = text.get(..length)?.to_owned();
        return Some((Parameter { name, operator, word, written, quoted: false }, length));
    }
    if dialect == Dialect::Dotenv {
        return None;
    }
    let mut length = name_length(after, dialect);
    if after.starts_with(|first: char| first.is_ascii_digit()) {
        length = length.min(1);
    }
    if length == 0 {
        return None;
    }
    let written = text.get(..=length)?.to_owned();
    let name = after.get(..length)?.to_owned();
    Some((
        Parameter { name, operator: Operator::Plain, word: Vec::new(), written, quoted: false },
        length + 1,
    ))
}

fn operator(rest: &str, dialect: Dialect) -> (Operator, &str) {
    if rest.is_empty() {
        return (Operator::Plain, "");
    }
    let colon = rest.starts_with(':');
    let behind = rest.strip_prefix(':').unwrap_or(rest);
    let mut characters = behind.chars();
    let sign = characters.next();
    let word = characters.as_str();
    let allowed = match dialect {
        Dialect::Systemd => false,
        Dialect::Dotenv => colon && sign == Some('-'),
        Dialect::Shell | Dialect::Dockerfile | Dialect::Compose => true,
    };
    match sign {
        Some('-') if allowed => (Operator::Default { empty_too: colon }, word),
        Some('=') if dialect == Dialect::Shell => (Operator::Default { empty_too: colon }, word),
        Some('?') if allowed => (Operator::Required, word),
        Some('+') if allowed => (Operator::Alternative, word),
        _ => (Operator::Other, ""),
    }
}

fn name_length(text: &str, dialect: Dialect) -> usize {
    let bytes = text.as_bytes();
    match bytes.first() {
        Some(first) if first.is_ascii_alphabetic() || *first == b'_' => {
            bytes.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count()
        }
        Some(first) if dialect == Dialect::Shell && first.is_ascii_digit() => {
            bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
        }
        Some(b'@' | b'*' | b'?' | b'$' | b'!' | b'-') if dialect == Dialect::Shell => 1,
        Some(b'#') if dialect == Dialect::Shell && bytes.len() == 1 => 1,
        _ => 0,
    }
}

/// The byte of the brace that closes, quotes and nested braces passed over.
fn closing_brace(inner: &str, dialect: Dialect) -> Option<usize> {
    let bytes = inner.as_bytes();
    let (mut depth, mut at, mut quote) = (0_u32, 0, None);
    while let Some(&byte) = bytes.get(at) {
        match (byte, quote) {
            (b'\\', None | Some(b'"')) if matches!(dialect, Dialect::Shell | Dialect::Dockerfile) => at += 1,
            (b'"' | b'\'', None) if dialect == Dialect::Shell => quote = Some(byte),
            (_, Some(open)) if byte == open => quote = None,
            (_, Some(b'\'')) => {}
            (b'$', _) if bytes.get(at + 1) == Some(&b'{') => {
                depth += 1;
                at += 1;
            }
            (b'}', _) if depth > 0 => depth -= 1,
            (b'}', None) => return Some(at),
            (b'\n', None) if dialect != Dialect::Shell => return None,
            _ => {}
        }
        at += 1;
    }
    None
}

/// Puts the parts together. `lookup` knows what a variable holds; None means that nothing in sight sets it.
pub(crate) fn evaluate(parts: &[Part], lookup: &dyn Fn(&str) -> Option<Value>) -> Value {
    let mut values = parts.iter().map(|part| match part {
        Part::Literal(text) => Value::known(text.as_str()),
        Part::Command(written) => Value::external(written.as_str()),
        Part::Parameter(parameter) => parameter_value(parameter, lookup),
    });
    let Some(first) = values.next() else { return Value::known("") };
    values.fold(first, |left, right| concatenated(&left, &right))
}

fn concatenated(left: &Value, right: &Value) -> Value {
    if left.size() + right.size() > MAX_TEXT {
        return Value::external("(too long)");
    }
    if let (Value::Known(left), Value::Known(right)) = (left, right) {
        return Value::Known(format!("{left}{right}"));
    }
    let default = match (left.or_default(), right.or_default()) {
        (Some(left), Some(right)) => Some(format!("{left}{right}")),
        _ => None,
    };
    Value::External { written: format!("{}{}", left.written(), right.written()), default }
}

/// The value of one parameter.
pub(crate) fn parameter_value(parameter: &Parameter, lookup: &dyn Fn(&str) -> Option<Value>) -> Value {
    let current = if parameter.name.is_empty() { None } else { lookup(&parameter.name) };
    let written = parameter.written.clone();
    match parameter.operator {
        Operator::Plain | Operator::Required => match current {
            Some(Value::External { default, .. }) => Value::External { written, default },
            Some(known) => known,
            None => Value::External { written, default: None },
        },
        Operator::Default { empty_too } => match current {
            Some(Value::Known(text)) if !(empty_too && text.is_empty()) => Value::Known(text),
            Some(Value::Known(_)) => evaluate(&parameter.word, lookup),
            Some(Value::External { default: Some(default), .. }) if !(empty_too && default.is_empty()) => {
                Value::External { written, default: Some(default) }
            }
            _ => {
                let word = evaluate(&parameter.word, lookup);
                Value::External { written, default: word.or_default().map(str::to_owned) }
            }
        },
        Operator::Alternative => match current {
            Some(Value::Known(text)) if text.is_empty() => Value::known(""),
            Some(Value::Known(_)) => evaluate(&parameter.word, lookup),
            _ => Value::External { written, default: Some(String::new()) },
        },
        Operator::Other => Value::External { written, default: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, dialect: Dialect) -> Value {
        evaluate(&parts(text, dialect), &|name| match name {
            "SET" => Some(Value::known("s")),
            "EMPTY" => Some(Value::known("")),
            _ => None,
        })
    }

    #[test]
    fn a_default_is_a_fallback_and_stays_one() {
        let external = |written: &str, default: Option<&str>| Value::External {
            written: written.to_owned(),
            default: default.map(str::to_owned),
        };
        assert_eq!(
            value("${KEY:-changeme}", Dialect::Compose),
            external("${KEY:-changeme}", Some("changeme"))
        );
        assert_eq!(value("${KEY-}", Dialect::Compose), external("${KEY-}", Some("")));
        assert_eq!(value("${KEY?set it}", Dialect::Compose), external("${KEY?set it}", None));
        assert_eq!(value("a${KEY:-${B:-x}}b", Dialect::Compose), external("a${KEY:-${B:-x}}b", Some("axb")));
        assert_eq!(value("${SET:-d}", Dialect::Compose), Value::known("s"));
        assert_eq!(value("${EMPTY:-d}", Dialect::Compose), Value::known("d"));
        assert_eq!(value("${EMPTY-d}", Dialect::Compose), Value::known(""));
    }

    #[test]
    fn dialects_differ() {
        assert_eq!(value("$$SET", Dialect::Compose), Value::known("$SET"));
        assert_eq!(value(r"\$SET", Dialect::Dockerfile), Value::known("$SET"));
        assert_eq!(value("$SET", Dialect::Dotenv), Value::known("$SET"));
        assert_eq!(value("${SET}", Dialect::Dotenv), Value::known("s"));
        assert_eq!(value("cost: 5$", Dialect::Compose), Value::known("cost: 5$"));
        assert_eq!(value("${unclosed", Dialect::Compose), Value::known("${unclosed"));
        assert_eq!(value("$5", Dialect::Compose), Value::known("$5"));
    }

    #[test]
    fn doubling_is_bounded() {
        let mut value = Value::known("xx");
        for _ in 0..100 {
            value = evaluate(&parts("$A$A", Dialect::Shell), &|_| Some(value.clone()));
        }
        assert!(value.size() <= MAX_TEXT);
    }

    #[test]
    fn deep_nesting_is_bounded() {
        let text = format!("{}x{}", "${A:-".repeat(5_000), "}".repeat(5_000));
        assert!(value(&text, Dialect::Compose).or_default().is_some());
    }
}
