//! An event on one line.

use super::escape;
use super::layout::{Paint, Style, clip, local_time, width};
use crate::client::event::{Event, on_one_line};

/// The event on one line of at most `columns_max`: when it was received, its name, who sent it, and
/// its properties. Nothing in it moves the cursor.
pub fn event_line(event: &Event<'_>, columns_max: Option<usize>, paint: Paint) -> String {
    let kind = match event.r#type.as_ref() {
        "default" => String::new(),
        kind => escape::text(kind).into_owned(),
    };
    let user = event.user_name().map(escape::text).unwrap_or_default();
    let json = event.monitor.filter(|_| event.r#type == "monitor").or(event.properties);
    let json = json.map(on_one_line).unwrap_or_default();
    let parts = [
        (Style::Dim, local_time(event.received, "%H:%M:%S%.3f")),
        (Style::Cyan, escape::text(&event.name).into_owned()),
        (if kind == "critical" { Style::Red } else { Style::Yellow }, kind),
        (Style::Dim, escape::text(&event.source).into_owned()),
        (Style::Green, user.into_owned()),
        (Style::Dim, escape::text(&json).into_owned()),
    ];
    let (mut line, mut left) = (String::new(), columns_max.unwrap_or(usize::MAX));
    for (style, part) in parts {
        if part.is_empty() || left < 2 {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
            left -= 1;
        }
        let part = clip(&part, left);
        left -= width(&part);
        // Properties are what people look at, in the usual colour.
        line.push_str(&if part.starts_with('{') {
            part.into_owned()
        } else {
            paint.with(style, &part)
        });
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = r#"{"id":"1","event_id":"1","name":"a\u001b[2J\u202e","type":"default",
        "source":"w\u0007eb","time":0,"received":0,"user":{"id":"漢\r"},"session":null,"producer":null,
        "seq":null,"properties":{"x":"\u009b1A漢字漢字漢字漢字漢字"},"context":null,"monitor":null,
        "enrichment":null,"profile":null}"#;

    #[test]
    fn a_line_fits_and_obeys_no_event() {
        let event: Event<'_> = serde_json::from_str(HOSTILE).unwrap();
        for columns in [10, 20, 40, 60, 80, 200] {
            let line = event_line(&event, Some(columns), Paint(false));
            assert!(width(&line) <= columns, "{line}");
            assert!(!line.contains(|letter: char| letter.is_control()), "{line:?}");
        }
        let line = event_line(&event, None, Paint(false));
        assert!(line.contains("a\\u{1b}[2J\\u{202e} w\\u{7}eb 漢\\r {"), "{line}");
        let painted = event_line(&event, None, Paint(true));
        assert!(painted.contains("\u{1b}[36ma\\u{1b}[2J"), "{painted:?}");
    }
}
