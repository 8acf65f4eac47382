//! `<meta>` elements that stand for a header.

/// The first `<meta>` element whose attribute has the value, with its place.
pub fn element<'t>(text: &'t str, attribute: &str, value: &str) -> Option<(usize, &'t str)> {
    text.match_indices('<').find_map(|(start, _)| {
        let rest = text.get(start..)?;
        if !rest.get(..5)?.eq_ignore_ascii_case("<meta") {
            return None;
        }
        // A value may hold the sign that ends the element.
        let mut quote = None;
        let end = rest.char_indices().take(4096).find_map(|(at, character)| match (quote, character) {
            (None, '>') => Some(at + 1),
            (None, '"' | '\'') => {
                quote = Some(character);
                None
            }
            (Some(open), _) if open == character => {
                quote = None;
                None
            }
            _ => None,
        })?;
        let element = rest.get(..end)?;
        attribute_value(element, attribute)?.eq_ignore_ascii_case(value).then_some((start, element))
    })
}

/// The value of an attribute, as it is written.
pub fn attribute_value<'t>(element: &'t str, name: &str) -> Option<&'t str> {
    let lower = element.to_ascii_lowercase();
    let at = lower.find(&format!("{name}="))? + name.len() + 1;
    let rest = element.get(at..)?;
    let quote = rest.chars().next()?;
    if matches!(quote, '"' | '\'') {
        rest.get(1..)?.split(quote).next()
    } else {
        rest.split([' ', '>', '/']).next()
    }
}

/// What the first `<meta>` element of a kind says.
pub fn content<'t>(text: &'t str, attribute: &str, value: &str) -> Option<&'t str> {
    attribute_value(element(text, attribute, value)?.1, "content")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_in_any_spelling() {
        let text = "<head><META charset=utf-8><meta content=\"default-src 'self'; img-src >\" HTTP-EQUIV='content-security-policy'>";
        let (start, found) = element(text, "http-equiv", "content-security-policy").expect("it is there");
        assert!(text[start..].starts_with("<meta content"));
        assert_eq!(attribute_value(found, "content"), Some("default-src 'self'; img-src >"));
        assert!(element("<meta", "http-equiv", "x").is_none());
        assert!(element("<metà http-equiv=x>", "http-equiv", "x").is_none());
    }
}
