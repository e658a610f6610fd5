//! The origin of a visit: the referring host, and the UTM parameters of the page's address.
//!
//! Both are searched in `context` and in `properties`, where the SDK's `page` puts them.

use std::borrow::Cow;
use std::sync::LazyLock;

use lamplight_wire::json;
use memchr::memmem::Finder;
use serde_json::{Map, Value};

use crate::store::EventColumns;

/// The longest value that is kept, in bytes.
const VALUE_BYTES_MAX: usize = 256;
const PARAMETERS: [&str; 5] = ["source", "medium", "campaign", "term", "content"];

/// The address and the referrer in a `context` or in `properties`. `page` is an object with an
/// address, or the address itself. What is not text counts as absent.
fn sent(object_json: &str) -> [Option<Cow<'_, str>>; 2] {
    let [url, referrer, page] =
        json::fields(object_json, ["url", "referrer", "page"]).unwrap_or_default();
    let [url, referrer] = [url, referrer].map(|json| json.and_then(json::string));
    let [page_url, page_referrer] = match page {
        Some(page) if page.starts_with('{') => json::fields(page, ["url", "referrer"])
            .unwrap_or_default()
            .map(|json| json.and_then(json::string)),
        page => [page.and_then(json::string), None],
    };
    [url.or(page_url), referrer.or(page_referrer)]
}

/// Whether an object may have one of them: a search for the words is far cheaper than parsing, and
/// most have neither.
pub(super) fn may_be_in(object_json: &str) -> bool {
    static WORDS: LazyLock<[Finder<'static>; 2]> =
        LazyLock::new(|| [Finder::new("referrer"), Finder::new("utm_")]);
    WORDS.iter().any(|word| word.find(object_json.as_bytes()).is_some())
}

/// The members `referrer` and `utm`, if the event has them.
pub(super) fn read(columns: &EventColumns) -> Map<String, Value> {
    let mut found = Map::new();
    for json in [&columns.context_json, &columns.properties_json].into_iter().flatten() {
        if !may_be_in(json) {
            continue;
        }
        let [url, referrer] = sent(json);
        if let Some(host) = referrer.as_deref().and_then(host) {
            found.entry("referrer").or_insert_with(|| serde_json::json!({ "host": host }));
        }
        let utm = url.map(|url| parameters(&url)).unwrap_or_default();
        if !utm.is_empty() {
            found.entry("utm").or_insert(Value::Object(utm));
        }
    }
    found
}

/// The host of an address with a scheme, in lower case, without a user or a port.
fn host(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    if !matches!(scheme, "http" | "https" | "android-app") {
        return None;
    }
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = match host.split_once(']') {
        Some((address, _)) if host.starts_with('[') => &host[..=address.len()],
        _ => host.split(':').next()?,
    };
    (!host.is_empty()).then(|| cut(host).to_lowercase())
}

fn parameters(url: &str) -> Map<String, Value> {
    let query = url.split_once('?').map_or("", |(_, rest)| rest);
    let query = query.split('#').next().unwrap_or_default();
    let mut found = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if let Some(name) = name.strip_prefix("utm_")
            && PARAMETERS.contains(&name)
            && !value.is_empty()
        {
            found.entry(name).or_insert_with(|| cut(&value).into());
        }
    }
    found
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(VALUE_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_read_from_the_address() {
        for (url, want) in [
            ("https://News.Example/a?b", Some("news.example")),
            ("http://me:secret@a.example:81/", Some("a.example")),
            ("https://[2001:db8::1]:1/", Some("[2001:db8::1]")),
            ("android-app://com.example", Some("com.example")),
            ("javascript://x", None),
            ("a.example", None),
            ("https:///x", None),
        ] {
            assert_eq!(host(url).as_deref(), want, "{url}");
        }
    }

    #[test]
    fn the_address_is_text_or_a_member_of_page_and_never_an_element() {
        for (json, want) in [
            (r#"{"url":"a","page":{"url":"b"},"referrer":"c"}"#, [Some("a"), Some("c")]),
            (r#"{"page":{"url":"b","referrer":"d"}}"#, [Some("b"), Some("d")]),
            (r#"{"page":"b"}"#, [Some("b"), None]),
            (r#"{"page":["b","d"],"url":7}"#, [None, None]),
            (r#"{"url":"a","url":"b"}"#, [Some("b"), None]),
            ("[\"a\"]", [None, None]),
        ] {
            let found = sent(json);
            assert_eq!(found.each_ref().map(|text| text.as_deref()), want, "{json}");
        }
    }

    #[test]
    fn known_parameters_are_read_once_and_cut() {
        let long = "x".repeat(1_000);
        let url = format!(
            "https://a.example/?utm_source=one&utm_source=two&utm_medium=%C3%A9+f&utm_evil=1&utm_term={long}&utm_content=#utm_campaign=c"
        );
        let found = parameters(&url);
        assert_eq!((&found["source"], &found["medium"]), (&"one".into(), &"é f".into()));
        assert_eq!(found["term"].as_str().unwrap().len(), VALUE_BYTES_MAX);
        assert_eq!(found.len(), 3);
    }
}
