//! HTML of texts.

/// Text with everything escaped that means something in HTML.
pub(super) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            char => html.push(char),
        }
    }
    html
}

/// A line of Markdown: text, in which only code is marked.
pub(super) fn line(markdown: &str) -> String {
    let parts = markdown.split('`').enumerate();
    let html = parts.map(|(index, part)| match index % 2 {
        0 => escaped(part),
        _ => format!("<code>{}</code>", escaped(part)),
    });
    html.collect()
}

/// Paragraphs of Markdown.
pub(super) fn paragraphs(markdown: &str) -> String {
    let paragraphs = markdown.split("\n\n").filter(|text| !text.is_empty());
    paragraphs
        .flat_map(|text| ["<p>".into(), line(&text.replace('\n', " ")), "</p>\n".into()])
        .collect()
}

/// Text as the id of an element, and as the target of a link.
pub(super) fn anchor(text: &str) -> String {
    text.chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_becomes_an_element_or_an_attribute() {
        assert_eq!(line("a <b> `c & \"d\"` e"), "a &lt;b&gt; <code>c &amp; &quot;d&quot;</code> e");
        assert_eq!(paragraphs("a\nb\n\n<c>"), "<p>a b</p>\n<p>&lt;c&gt;</p>\n");
        assert_eq!(anchor("Send events\"><x"), "Send-events---x");
    }
}
