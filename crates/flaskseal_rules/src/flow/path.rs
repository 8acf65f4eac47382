//! Where the holes of a file's path stand.

use flaskseal_core::Severity;
use flaskseal_project::semantic::{Alphabet, Fact, Hole, Rope, Segment};

use super::input::parts;
use super::{Breach, Flow};

/// Arguments that the system takes for a path.
pub(crate) const CONTEXTS: &[&str] =
    &["archive.unpack", "path.folder", "path.open", "path.open-method", "path.read", "path.write"];

/// What a hole can do to the path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reach {
    /// It can be absolute: any file.
    Anywhere,
    /// It can climb out of the folder before it.
    Above,
    /// It can name any file of one folder.
    Folder,
}

/// The first hole that decides where the path leads, and how far that is; `None` where that is its folder.
pub(crate) fn reach(rope: &Rope) -> Option<(&Hole, Reach)> {
    let mut before = String::new();
    let mut has_base = false;
    for (index, segment) in rope.segments().iter().enumerate() {
        let hole = match segment {
            Segment::Literal(text) => {
                before.push_str(text);
                continue;
            }
            Segment::Hole(hole) if hole.origin.is_none() => {
                // A part that the program knows: the root of the project, a setting.
                has_base = true;
                before.clear();
                before.push('x');
                continue;
            }
            Segment::Hole(hole) => hole,
        };
        if hole.checks.below_folder || hole.checks.below_prefix {
            return None;
        }
        let is_first = before.is_empty() && !has_base;
        let is_after_separator = before.ends_with('/') || before.ends_with('\\');
        let has_slash = hole.alphabet.contains('/');
        // `../` needs its dots at the start of a segment: after the separator before the hole, or after one in it.
        let climbs = has_slash && hole.alphabet.contains('.') && !hole.lacks("..") && !hole.lacks("../");
        if is_first && has_slash && hole.first.contains('/') {
            return Some((hole, Reach::Anywhere));
        }
        if climbs {
            // `report-` + `/../x` needs a folder of that name, which is rare: the system looks every segment up.
            let is_reachable = is_first || is_after_separator || before.is_empty();
            return Some((hole, if is_reachable { Reach::Above } else { Reach::Folder }));
        }
        let is_whole_segment = is_first || is_after_separator;
        let is_last = rope.segments()[index + 1..].is_empty();
        let names_anything = hole.alphabet.contains('\\') && hole.alphabet.contains('.');
        if is_whole_segment && is_last && names_anything && !has_slash && is_plain_segment(hole) {
            return Some((hole, Reach::Folder));
        }
        before.push('x');
    }
    None
}

/// One segment of the URL as the router gives it. Whoever took a base name or a safe name of something had a reason.
fn is_plain_segment(hole: &Hole) -> bool {
    hole.origin.as_ref().is_some_and(|origin| parts(&origin.input).0 == "view_args" && origin.last.is_none())
}

/// The hole that lets the client choose a file, with its severity for a file that is read or sent. Where it is written,
/// the example names a file that nobody misses.
pub(crate) fn breach(rope: &Rope, is_written: bool) -> Option<(Breach<'static>, Reach)> {
    let (hole, reach) = reach(rope)?;
    // A name goes on behind the hole: not every file has such a name.
    let goes_on = !rope.literal_suffix().is_empty();
    let (at, breaks, payloads, severity): (_, _, &[&str], _) = match reach {
        Reach::Anywhere if goes_on || is_written => {
            ("as the start of a path", Alphabet::of("/"), &["/tmp/x", "/"], Severity::High)
        }
        Reach::Above if is_written => {
            ("as a part of a path", Alphabet::of("./"), &["../../../../../../tmp/x"], Severity::High)
        }
        Reach::Above if goes_on => ("as a part of a path", Alphabet::of("./"), &["../x"], Severity::High),
        Reach::Anywhere => {
            ("as the start of a path", Alphabet::of("/"), &["/etc/passwd", "/"], Severity::High)
        }
        Reach::Above => (
            "as a part of a path",
            Alphabet::of("./"),
            &["../../../../../../etc/passwd", "x/../../../../../../etc/passwd"],
            Severity::High,
        ),
        Reach::Folder => {
            ("as the name of a file", Alphabet::of(".\\"), &["..\\config.py", "config.py"], Severity::Low)
        }
    };
    Breach::of(hole, at, breaks, payloads, severity).map(|breach| (breach, reach))
}

/// Whether the call writes, removes or makes what the path names.
pub(crate) fn is_written(flow: &Flow<'_>) -> bool {
    let index = match &*flow.sink.context {
        "path.write" => return true,
        "path.open" => 1,
        "path.open-method" => 0,
        _ => return false,
    };
    let mode = flow.event.argument(index, "mode").and_then(Fact::as_str).unwrap_or("r");
    mode.contains(['w', 'a', 'x', '+'])
}

/// Whether somebody looked for `..` and forgot that a path can be absolute.
pub(crate) fn has_weak_guard(rope: &Rope, reached: Reach) -> bool {
    let looked = |hole: &Hole| {
        hole.absent.as_ref().is_some_and(|absent| absent.iter().any(|text| text.starts_with("..")))
    };
    reached == Reach::Anywhere && reach(rope).is_some_and(|(hole, _)| looked(hole))
}

/// A hole that was compared with its folder as text, without a separator at the folder's end.
pub(crate) fn beside_prefix(rope: &Rope) -> Option<Breach<'static>> {
    let hole = rope.holes().find(|hole| hole.checks.below_prefix && !hole.checks.below_folder)?;
    Breach::of(
        hole,
        "as a path behind a check of its beginning",
        Alphabet::of("./"),
        &["../files2/x"],
        Severity::Low,
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use flaskseal_core::{FileId, Span};
    use flaskseal_project::semantic::{Origin, Source};

    use super::*;

    fn tainted(input: &str, alphabet: Alphabet) -> Rope {
        let origin = Arc::new(Origin::request(input, Span::new(FileId(0), 0, 0)));
        Hole { origin: Some(origin), ..Hole::new(Source::Unknown, alphabet) }.into()
    }

    fn reach_of(parts: Vec<Rope>) -> Option<Reach> {
        reach(&Rope::concat(parts)).map(|(_, reach)| reach)
    }

    #[test]
    fn holes_reach_as_far_as_their_characters() {
        let free = || tainted("flask.request.args[\"f\"]", Alphabet::ALL);
        let segment = || tainted("flask.request.view_args[\"f\"]", Alphabet::ALL.without(Alphabet::of("/")));
        let literal = |text: &str| Rope::literal(text);
        assert_eq!(reach_of(vec![free()]), Some(Reach::Anywhere));
        assert_eq!(reach_of(vec![literal("files/"), free()]), Some(Reach::Above));
        assert_eq!(reach_of(vec![literal("files/report-"), free()]), Some(Reach::Folder));
        assert_eq!(reach_of(vec![Rope::hole(Source::Root), literal("/up/"), free()]), Some(Reach::Above));
        assert_eq!(reach_of(vec![literal("files/"), segment()]), Some(Reach::Folder));
        assert_eq!(reach_of(vec![literal("files/"), segment(), literal(".html")]), None);
        let name = tainted("flask.request.args[\"f\"]", Alphabet::ALL.without(Alphabet::of("/")));
        assert_eq!(reach_of(vec![literal("files/"), name]), None);
        let digits = tainted("flask.request.args[\"f\"]", Alphabet::DIGITS);
        assert_eq!(reach_of(vec![literal("files/"), digits]), None);
        assert_eq!(reach_of(vec![literal("files/x.txt")]), None);
    }
}
