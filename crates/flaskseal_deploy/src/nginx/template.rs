//! Configuration of nginx that another program fills in first: Jinja (Ansible), ERB (Puppet, Chef).

use std::borrow::Cow;

/// Whether a file is written in one of the languages of templates, by its name.
pub(crate) fn is_template(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    matches!(name.rsplit_once('.'), Some((_, "j2" | "jinja" | "jinja2" | "erb")))
}

/// The text with each placeholder as a variable of nginx that nothing is known of, as long as before, so that every
/// place stays. None: conditions or loops of the template decide what stands in it.
pub(crate) fn filled(text: &str) -> Option<Cow<'_, str>> {
    let mut out = String::new();
    let mut rest = text;
    let first = |rest: &str| {
        let marks = ["{{", "{%", "{#", "<%"].into_iter();
        marks.filter_map(|mark| rest.find(mark)).min()
    };
    while let Some(at) = first(rest) {
        let (before, placeholder) = rest.split_at(at);
        let comment = placeholder.starts_with("{#") || placeholder.starts_with("<%#");
        let end = match placeholder.get(..2) {
            Some("{{") => "}}",
            Some("{%") => "%}",
            Some("{#") => "#}",
            _ => "%>",
        };
        let length = placeholder.find(end)? + end.len();
        let (placeholder, behind) = placeholder.split_at(length);
        out.push_str(before);
        if comment {
            out.extend(placeholder.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        } else if placeholder.starts_with("{{") || placeholder.starts_with("<%=") {
            // At least `{{}}`: room for a name.
            out.push_str("${");
            out.extend(std::iter::repeat_n('_', placeholder.len().saturating_sub(3)));
            out.push('}');
        } else {
            return None;
        }
        rest = behind;
    }
    if out.is_empty() {
        return Some(Cow::Borrowed(text));
    }
    out.push_str(rest);
    Some(Cow::Owned(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_keep_their_length() {
        for text in [
            "server_name {{ domain }} www.{{domain}};",
            "{# a\nb #}listen <%= @port %>;<%# no %>",
            "{{}}",
            "é {{ é }} é",
        ] {
            let filled = filled(text).unwrap();
            assert_eq!(filled.len(), text.len(), "{filled}");
            assert_eq!(filled.matches('\n').count(), text.matches('\n').count());
        }
        assert_eq!(filled("a {{ b }};").unwrap(), "a ${____};");
    }

    #[test]
    fn conditions_are_left_to_their_language() {
        for text in ["{% if tls %}listen 443 ssl;{% endif %}", "<% if @tls %>a;<% end %>", "{{ never ends"] {
            assert_eq!(filled(text), None, "{text}");
        }
        assert!(matches!(filled("server { listen 80; }"), Some(Cow::Borrowed(_))));
    }
}
