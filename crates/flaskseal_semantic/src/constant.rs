//! Constants of the standard library, and the names that a star import brings.

use crate::value::Value;

/// What a star import of a library brings that programs use without naming it.
pub(crate) fn star_names(path: &str) -> &'static [&'static str] {
    match path {
        "flask" => &[
            "Blueprint",
            "Config",
            "Flask",
            "Request",
            "Response",
            "abort",
            "after_this_request",
            "copy_current_request_context",
            "current_app",
            "flash",
            "g",
            "get_flashed_messages",
            "get_template_attribute",
            "has_app_context",
            "has_request_context",
            "json",
            "jsonify",
            "make_response",
            "redirect",
            "render_template",
            "render_template_string",
            "request",
            "send_file",
            "send_from_directory",
            "session",
            "stream_template",
            "stream_template_string",
            "stream_with_context",
            "url_for",
        ],
        "os" => &["environ", "getenv", "path", "urandom", "getcwd"],
        "datetime" => &["datetime", "timedelta", "date", "timezone"],
        "os.path" => &["join", "dirname", "abspath", "exists"],
        _ => &[],
    }
}

/// `string.punctuation`.
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
/// `string.whitespace`.
const WHITESPACE: &str = " \t\n\r\x0b\x0c";

/// Constants of modules.
pub(crate) fn constant(path: &str, name: &str) -> Option<Value> {
    Some(match (path, name) {
        ("os" | "os.path", "sep") => Value::str("/"),
        ("os" | "os.path", "curdir") => Value::str("."),
        ("os" | "os.path", "pardir") => Value::str(".."),
        ("os" | "os.path", "extsep") => Value::str("."),
        ("os" | "os.path", "pathsep") => Value::str(":"),
        ("os" | "os.path", "devnull") => Value::str("/dev/null"),
        ("os" | "os.path", "altsep") => Value::NONE,
        ("os", "linesep") => Value::str("\n"),
        ("os", "name") => Value::str("posix"),
        ("sys", "platform") => Value::str("linux"),
        ("logging", "DEBUG") => Value::int(10),
        ("logging", "INFO") => Value::int(20),
        ("logging", "WARNING" | "WARN") => Value::int(30),
        ("logging", "ERROR") => Value::int(40),
        ("logging", "CRITICAL" | "FATAL") => Value::int(50),
        ("string", "digits") => Value::str("0123456789"),
        ("string", "ascii_lowercase") => Value::str("abcdefghijklmnopqrstuvwxyz"),
        ("string", "ascii_uppercase") => Value::str("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        ("string", "ascii_letters") => Value::str("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        ("string", "hexdigits") => Value::str("0123456789abcdefABCDEF"),
        ("string", "octdigits") => Value::str("01234567"),
        ("string", "punctuation") => Value::str(PUNCTUATION),
        ("string", "whitespace") => Value::str(WHITESPACE),
        ("string", "printable") => {
            let letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
            Value::str(format!("{letters}{PUNCTUATION}{WHITESPACE}"))
        }
        ("re", "I" | "IGNORECASE") => Value::int(2),
        ("re", "L" | "LOCALE") => Value::int(4),
        ("re", "M" | "MULTILINE") => Value::int(8),
        ("re", "S" | "DOTALL") => Value::int(16),
        ("re", "U" | "UNICODE") => Value::int(32),
        ("re", "X" | "VERBOSE") => Value::int(64),
        ("re", "A" | "ASCII") => Value::int(256),
        ("re", "NOFLAG") => Value::int(0),
        ("typing", "TYPE_CHECKING") => Value::bool(false),
        _ => return None,
    })
}
