//! Carries the tokenizer through a template: its text, its outputs and its control flow.
//!
//! Branches begin in the same state and are joined; where they end in different places, what follows is `Unknown`
//! until a tag begins. What macros, `call` and `set` blocks print goes elsewhere, so these begin between tags.

use std::collections::BTreeMap;
use std::sync::Arc;

use flaskseal_core::TextRange;

use crate::html::{Html, Position, Tag};
use crate::tree::{Node, NodeKind, Template};

/// A template's HTML, as far as the template alone tells.
#[derive(Debug, Default)]
pub struct Markup {
    /// Every output, in the order of the text.
    pub outputs: Vec<Output>,
    /// Every tag, in the order of the text.
    pub tags: Vec<Tag>,
    /// The state in which each block begins.
    pub blocks: BTreeMap<Arc<str>, Start>,
}

/// Where an output stands.
#[derive(Clone, Debug)]
pub struct Output {
    /// With its delimiters.
    pub range: TextRange,
    pub position: Position,
}

/// A state in which a template or a block can begin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Start(Html);

impl Start {
    /// Whether it is between tags, as whole pages begin.
    pub fn is_text(&self) -> bool {
        self.0.position() == Position::Text
    }
}

impl Markup {
    /// Reads a template. `parent` says in which state the template that it extends begins a block.
    pub fn of(text: &str, template: &Template, parent: &dyn Fn(&str) -> Option<Start>) -> Self {
        let mut reader = Reader { text, parent, found: Self::default() };
        reader.nodes(&template.body, Html::new());
        reader.found.outputs.sort_by_key(|output| output.range);
        reader.found.tags.sort_by_key(|tag| tag.range);
        reader.found
    }

    /// Reads HTML that is no template: as a server delivers it.
    pub fn of_html(text: &str) -> Self {
        let mut found = Self::default();
        Html::new().text(text, 0, &mut found.tags);
        found
    }

    /// Where the output at this range stands.
    pub fn position(&self, range: TextRange) -> Option<&Position> {
        let index = self.outputs.binary_search_by_key(&range, |output| output.range).ok()?;
        Some(&self.outputs[index].position)
    }
}

struct Reader<'t> {
    text: &'t str,
    parent: &'t dyn Fn(&str) -> Option<Start>,
    found: Markup,
}

impl Reader<'_> {
    fn nodes(&mut self, nodes: &[Node], mut html: Html) -> Html {
        for node in nodes {
            html = self.node(node, html);
        }
        html
    }

    fn node(&mut self, node: &Node, mut html: Html) -> Html {
        match &node.kind {
            NodeKind::Text(range) => {
                let text = self.text.get(range.start as usize..range.end as usize).unwrap_or_default();
                html.text(text, range.start, &mut self.found.tags);
                html
            }
            NodeKind::Output(_) => {
                self.found.outputs.push(Output { range: node.range, position: html.position() });
                html.hole(node.range);
                html
            }
            NodeKind::If { branches, otherwise } => {
                let mut joined: Option<Html> = otherwise.is_none().then(|| html.clone());
                let bodies = branches.iter().map(|(_, body)| body).chain(otherwise);
                for body in bodies {
                    let end = self.nodes(body, html.clone());
                    joined = Some(match joined {
                        Some(other) => other.join(end),
                        None => end,
                    });
                }
                joined.unwrap_or(html)
            }
            NodeKind::For { body, otherwise, .. } => {
                let none = self.nodes(otherwise, html.clone());
                self.nodes(body, html).join(none)
            }
            NodeKind::Trans { singular, plural, .. } => {
                let one = self.nodes(singular, html.clone());
                if plural.is_empty() { one } else { self.nodes(plural, html).join(one) }
            }
            NodeKind::Block { name, body } => {
                let start = (self.parent)(name);
                let begin = start.as_ref().map_or_else(|| html.clone(), |start| start.0.clone());
                self.found.blocks.entry(name.clone()).or_insert_with(|| Start(begin.clone()));
                let end = self.nodes(body, begin);
                if start.is_some() { html } else { end }
            }
            NodeKind::Macro { body, .. } | NodeKind::SetBlock { body, .. } => {
                self.nodes(body, Html::new());
                html
            }
            NodeKind::Call { body, .. } => {
                self.nodes(body, Html::new());
                html.hole(node.tag);
                html
            }
            NodeKind::Include { .. } => {
                // Mostly whole elements; in a tag or a value it prints like any other expression.
                if !matches!(html.position(), Position::Text | Position::Unknown) {
                    html.hole(node.range);
                }
                html
            }
            NodeKind::With { body, .. }
            | NodeKind::FilterBlock { body, .. }
            | NodeKind::Autoescape { body, .. } => self.nodes(body, html),
            NodeKind::Comment
            | NodeKind::Set { .. }
            | NodeKind::Extends(_)
            | NodeKind::Import { .. }
            | NodeKind::FromImport { .. }
            | NodeKind::Do(_)
            | NodeKind::Opaque(_) => html,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::html::{Quote, Value};
    use crate::script::Place;
    use crate::url::UrlPlace;

    fn positions(text: &str) -> Vec<Position> {
        let template = crate::parse(text);
        Markup::of(text, &template, &|_| None).outputs.into_iter().map(|output| output.position).collect()
    }

    fn attribute(element: &str, name: &str, quote: Quote, value: Value) -> Position {
        Position::Attribute { element: element.into(), name: name.into(), quote, value }
    }

    #[test]
    fn positions_in_html() {
        let cases: &[(&str, Position)] = &[
            ("<p>{{ x }}", Position::Text),
            ("<title>{{ x }}</title>", Position::Text),
            ("a < b {{ x }}", Position::Text),
            ("<!-- a {{ x }} -->", Position::Comment),
            ("<!--> {{ x }}", Position::Text),
            ("<!-- > -- > {{ x }}", Position::Comment),
            ("<!doctype html>{{ x }}", Position::Text),
            ("<{{ x }}>", Position::TagName),
            ("<h{{ x }}>", Position::TagName),
            ("<div {{ x }}>", Position::AttributeList),
            ("<div data-{{ x }}=1>", Position::AttributeList),
            ("<div class={{ x }}>", attribute("div", "class", Quote::None, Value::Plain)),
            ("<div class = {{ x }}>", attribute("div", "class", Quote::None, Value::Plain)),
            ("<div class=a-{{ x }}>", attribute("div", "class", Quote::None, Value::Plain)),
            ("<DIV CLASS='{{ x }}'>", attribute("div", "class", Quote::Single, Value::Plain)),
            ("<a href=\"{{ x }}\">", attribute("a", "href", Quote::Double, Value::Url(UrlPlace::Start))),
            ("<a href=\"/u/{{ x }}\">", attribute("a", "href", Quote::Double, Value::Url(UrlPlace::Path))),
            ("<a href='x' title=\"a>{{ x }}\">", attribute("a", "title", Quote::Double, Value::Plain)),
            (
                "<a href=\"javascript:f('{{ x }}')\">",
                attribute("a", "href", Quote::Double, Value::Script(Place::Single)),
            ),
            (
                "<b onclick=\"f('{{ x }}')\">",
                attribute("b", "onclick", Quote::Double, Value::Script(Place::Single)),
            ),
            ("<b style=\"top: {{ x }}\">", attribute("b", "style", Quote::Double, Value::Style)),
            ("<iframe srcdoc=\"{{ x }}\">", attribute("iframe", "srcdoc", Quote::Double, Value::Srcdoc)),
            (
                "<meta http-equiv=refresh content=\"0; url={{ x }}\">",
                attribute("meta", "content", Quote::Double, Value::Url(UrlPlace::Start)),
            ),
            ("<script>var a = {{ x }}</script>", Position::Script(Place::Code)),
            ("<script>var a = '{{ x }}'</script>", Position::Script(Place::Single)),
            ("<script>if (a < b) { c = \"</b>{{ x }}\" }</script>", Position::Script(Place::Double)),
            ("<script type='application/json'>{{ x }}</script>", Position::ScriptData),
            ("<script type='module'>`{{ x }}`</script>", Position::Script(Place::Template)),
            ("<script></script >{{ x }}", Position::Text),
            ("<style>a { {{ x }} }</style>", Position::Style),
            ("<br/>{{ x }}", Position::Text),
            (
                "{% raw %}<a href=\"{% endraw %}{{ x }}\">",
                attribute("a", "href", Quote::Double, Value::Url(UrlPlace::Start)),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(positions(text), std::slice::from_ref(expected), "{text}");
        }
    }

    #[test]
    fn branches_are_joined() {
        let last = |text: &str| positions(text).pop().unwrap();
        assert_eq!(
            last("<a {% if x %}class=\"b\"{% endif %} {% if y %}hidden{% endif %}>{{ z }}"),
            Position::Text
        );
        assert_eq!(
            last("<a{% if x %} class=\"b\"{% endif %}{% if y %} id=c{% endif %}>{{ z }}"),
            Position::Text
        );
        assert_eq!(last("{% if x %}<a href=\"y\">{% else %}<b>{% endif %}{{ z }}"), Position::Text);
        assert_eq!(
            last("<a class=\"{% if x %}b{% endif %} {{ z }}\">"),
            attribute("a", "class", Quote::Double, Value::Plain)
        );
        assert_eq!(last("{% if x %}<script>{% endif %}{{ z }}"), Position::Unknown);
        assert_eq!(last("{% if x %}<script>{% endif %} 1 <p>{{ z }}"), Position::Text);
        assert_eq!(
            last("<a href=\"{% if x %}https://a/{% endif %}{{ z }}\">"),
            attribute("a", "href", Quote::Double, Value::Url(UrlPlace::Start))
        );
        assert_eq!(
            last("<a href=\"{{ base }}{{ z }}\">"),
            attribute("a", "href", Quote::Double, Value::Url(UrlPlace::Path))
        );
        assert_eq!(
            last("<script>{% for a in b %}x = '{{ a }}';{% endfor %}y = {{ z }}"),
            Position::Script(Place::Code)
        );
    }

    #[test]
    fn blocks_begin_where_the_parent_puts_them() {
        let base = "<script>{% block js %}{% endblock %}</script>{% block body %}{% endblock %}";
        let parent = Markup::of(base, &crate::parse(base), &|_| None);
        let child =
            "{% extends 'b' %}{% block js %}a = {{ x }}{% endblock %}{% block body %}{{ y }}{% endblock %}";
        let start = |name: &str| parent.blocks.get(name).cloned();
        let markup = Markup::of(child, &crate::parse(child), &start);
        let found: Vec<&Position> = markup.outputs.iter().map(|output| &output.position).collect();
        assert_eq!(found, [&Position::Script(Place::Code), &Position::Text]);
    }

    #[test]
    fn tags_are_kept_with_their_attributes() {
        let text = "<form method=POST action=\"/a/{{ x }}\" {{ y }}><input disabled></form>";
        let markup = Markup::of(text, &crate::parse(text), &|_| None);
        let names: Vec<(&str, bool)> = markup.tags.iter().map(|tag| (&*tag.name, tag.is_end)).collect();
        assert_eq!(names, [("form", false), ("input", false), ("form", true)]);
        let form = &markup.tags[0];
        assert!(form.open);
        assert_eq!(form.attribute("method").unwrap().literal, "POST");
        let action = form.attribute("action").unwrap();
        assert_eq!((action.literal.as_str(), action.dynamic), ("/a/", true));
        let range = action.value_range;
        assert_eq!(text.get(range.start as usize..range.end as usize), Some("/a/{{ x }}"));
        assert_eq!(
            text.get(form.range.start as usize..form.range.end as usize).map(|t| t.ends_with('>')),
            Some(true)
        );
    }
}
