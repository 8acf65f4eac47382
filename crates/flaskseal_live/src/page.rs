//! HTML as a site delivers it: its tags, what they load, and where they lead.

use flaskseal_core::TextRange;
use flaskseal_jinja::{Markup, Tag};
use url::Url;

/// Tags of a page that are looked at.
const MAX_TAGS: usize = 20_000;

/// What a page links, each once, in its order.
#[derive(Debug, Default)]
pub struct Links {
    pub pages: Vec<Url>,
    /// Scripts, styles, pictures.
    pub files: Vec<Url>,
}

/// The tags of a page. Its text is no template, whatever it holds.
pub fn tags(text: &str) -> Vec<Tag> {
    let mut tags = Markup::of_html(text).tags;
    tags.truncate(MAX_TAGS);
    tags
}

/// Where a page's links lead, as browsers read them.
pub fn links(text: &str, base: &Url) -> Links {
    let mut links = Links::default();
    for tag in tags(text).iter().filter(|tag| !tag.is_end) {
        let (name, is_page) = match &*tag.name {
            "a" => ("href", true),
            "script" | "img" => ("src", false),
            "link" => ("href", false),
            _ => continue,
        };
        let Some(url) = tag.attribute(name).and_then(|attribute| base.join(attribute.literal.trim()).ok())
        else {
            continue;
        };
        let mut url = url;
        url.set_fragment(None);
        let list = if is_page { &mut links.pages } else { &mut links.files };
        if matches!(url.scheme(), "http" | "https") && !list.contains(&url) && list.len() < 200 {
            list.push(url);
        }
    }
    links
}

/// A range of a page in the text of its exchange, in which the page begins at `at`.
pub fn shifted(range: TextRange, at: u32) -> TextRange {
    TextRange::new(range.start.saturating_add(at), range.end.saturating_add(at))
}
