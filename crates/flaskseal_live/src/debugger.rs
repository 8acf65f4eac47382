//! Pages that a framework shows to its developer: Werkzeug's debugger and console, and bare tracebacks.
//!
//! The marks are those of `werkzeug.debug.tbtools`, versions 0.16 to 3.1, in the places where the debugger's page has
//! them: text about a debugger is no debugger.

/// What a page gives away, worst first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DebugPage {
    /// Python can be run from it, after the PIN or without one.
    Console,
    /// Werkzeug's traceback with source lines, without evaluation.
    Traceback,
    /// A traceback as text.
    PlainTraceback,
}

/// The debugger that a page of HTML is, if it is one.
pub fn of_page(page: &str) -> Option<DebugPage> {
    let script = scripts(page).any(|script| script.contains("EVALEX =") && script.contains("CONSOLE_MODE ="));
    let resource = page.contains("?__debugger__=yes&amp;cmd=resource")
        || page.contains("?__debugger__=yes&cmd=resource");
    if script && resource {
        let evaluates = scripts(page).any(|script| script.replace(' ', "").contains("EVALEX=true"));
        return Some(if evaluates { DebugPage::Console } else { DebugPage::Traceback });
    }
    None
}

/// A traceback in a text that is no page of HTML, or in preformatted text of one: frames with files and lines.
pub fn is_traceback(text: &str) -> bool {
    let Some(at) = text.find("Traceback (most recent call last)") else { return false };
    // Text about tracebacks stands between other words; a page that fails shows little else.
    let before = text.get(..at).unwrap_or("").trim_end();
    let is_start = before.is_empty() || before.ends_with(['>', '"', '\'', ':', '\n']);
    let rest = text.get(at..).unwrap_or("");
    let frames = rest.lines().flat_map(|line| line.split("\\n")).filter(|line| {
        let line = line.trim_start().replace("&#34;", "\"").replace("&quot;", "\"");
        line.strip_prefix("File \"").is_some_and(|rest| rest.contains("\", line ") && rest.contains(", in "))
    });
    is_start && frames.count() > 0
}

/// The name of the exception whose text an error page shows: of a library, in full, as programs print it. Text about
/// errors stands on pages that are none.
pub fn exception(status: u16, text: &str) -> Option<&str> {
    if status < 400 {
        return None;
    }
    const LIBRARIES: [&str; 12] = [
        "sqlite3.",
        "sqlalchemy.exc.",
        "psycopg2.",
        "psycopg.errors.",
        "pymysql.err.",
        "MySQLdb.",
        "pymongo.errors.",
        "redis.exceptions.",
        "requests.exceptions.",
        "jinja2.exceptions.",
        "botocore.exceptions.",
        "werkzeug.routing.",
    ];
    LIBRARIES.iter().find_map(|library| {
        text.match_indices(library).find_map(|(at, _)| {
            let before = text.get(..at).and_then(|before| before.chars().next_back());
            let is_whole =
                before.is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '/' | '-')));
            // Asked first: names do not overlap then, however often one follows another.
            let rest = text.get(at..).filter(|_| is_whole)?;
            let end =
                rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_'))).unwrap_or(rest.len());
            let name = rest.get(..end)?.trim_end_matches('.');
            let class = name.rsplit('.').next().unwrap_or("");
            // Below `errors`, PostgreSQL's own names: `psycopg2.errors.UniqueViolation`.
            let is_error = name.contains(".errors.")
                || ["Error", "Exception", "Timeout", "Undefined", "NotFound"]
                    .iter()
                    .any(|end| class.contains(end));
            (class.starts_with(char::is_uppercase) && is_error).then_some(name)
        })
    })
}

/// Whether an answer is the debugger's own script or style.
pub fn is_resource(body: &[u8], media_type: &str) -> bool {
    let text = String::from_utf8_lossy(body.get(..64 << 10).unwrap_or(body));
    media_type.contains("javascript") && text.contains("CONSOLE_MODE") && text.contains("__debugger__")
}

/// The content of every `<script>` of a page.
fn scripts(page: &str) -> impl Iterator<Item = &str> {
    page.split("<script").skip(1).filter_map(|rest| {
        let (_, script) = rest.split_once('>')?;
        Some(script.split("</script").next().unwrap_or(script))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_named_in_full_on_pages_of_errors() {
        let text = "(sqlite3.OperationalError) near &#34;&#39;&#34;: syntax error [SQL: SELECT]";
        assert_eq!(exception(500, text), Some("sqlite3.OperationalError"));
        assert_eq!(
            exception(500, "psycopg2.errors.UniqueViolation: duplicate key"),
            Some("psycopg2.errors.UniqueViolation")
        );
        assert_eq!(exception(200, text), None);
        for other in ["see sqlite3.connect", "docs/sqlite3.Error", "sqlite3. Error", "an Error", ""] {
            assert_eq!(exception(500, other), None, "{other}");
        }
    }

    const CONSOLE: &str = "<html><head><link rel=\"stylesheet\" href=\"?__debugger__=yes&amp;cmd=resource&amp;f=style.css\">\
        <script>\n var CONSOLE_MODE = true,\n EVALEX = true,\n EVALEX_TRUSTED = false,\n SECRET = \"x\";\n</script>";

    #[test]
    fn the_debugger_is_known_by_its_script() {
        assert_eq!(of_page(CONSOLE), Some(DebugPage::Console));
        assert_eq!(of_page(&CONSOLE.replace("EVALEX = true", "EVALEX = false")), Some(DebugPage::Traceback));
        let quoted = CONSOLE.replace('<', "&lt;");
        assert_eq!(of_page(&format!("<pre>{quoted}</pre>")), None);
    }

    #[test]
    fn a_traceback_has_frames() {
        let text =
            "Traceback (most recent call last):\n  File \"/srv/app.py\", line 3, in index\n    x\nKeyError";
        assert!(is_traceback(text));
        assert!(is_traceback(&format!("<pre>{}</pre>", text.replace('"', "&#34;"))));
        assert!(!is_traceback("When you see Traceback (most recent call last) do not panic"));
        assert!(!is_traceback(&format!("An example is {text}")));
    }
}
