//! The origin of a visit: the referring host, and the UTM parameters of the page's address.
//!
//! Both are searched in `context` and in `properties`, where the SDK's `page` puts them.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::store::EventColumns;

/// The longest value that is kept, in bytes.
const VALUE_BYTES_MAX: usize = 256;
const PARAMETERS: [&str; 5] = ["source", "medium", "campaign", "term", "content"];

#[derive(Deserialize, Default)]
#[serde(default)]
struct Sent<'a> {
    #[serde(borrow)]
    url: Text<'a>,
    #[serde(borrow)]
    referrer: Text<'a>,
    #[serde(borrow)]
    page: Page<'a>,
}

/// `page` is an object with an address, or the address itself.
#[derive(Default)]
struct Page<'a> {
    url: Option<Cow<'a, str>>,
    referrer: Option<Cow<'a, str>>,
}

/// A string; anything else counts as absent.
#[derive(Default)]
struct Text<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&serde_json::value::RawValue>::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str::<Borrowed<'a>>(raw.get()).ok().map(|text| text.0)))
    }
}

#[derive(Deserialize)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize, Default)]
#[serde(default)]
struct PageObject<'a> {
    #[serde(borrow)]
    url: Text<'a>,
    #[serde(borrow)]
    referrer: Text<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Page<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&serde_json::value::RawValue>::deserialize(deserializer)?;
        if let Ok(Borrowed(url)) = serde_json::from_str(raw.get()) {
            return Ok(Self { url: Some(url), referrer: None });
        }
        let object: PageObject<'a> = serde_json::from_str(raw.get()).unwrap_or_default();
        Ok(Self { url: object.url.0, referrer: object.referrer.0 })
    }
}

/// The members `referrer` and `utm`, if the event has them.
pub(super) fn read(columns: &EventColumns) -> Map<String, Value> {
    let mut found = Map::new();
    for json in [&columns.context_json, &columns.properties_json].into_iter().flatten() {
        // Most events have neither, and a search for the words is far cheaper than parsing.
        if !(json.contains("referrer") || json.contains("utm_")) {
            continue;
        }
        let Ok(sent) = serde_json::from_str::<Sent<'_>>(json) else { continue };
        let referrer = sent.referrer.0.or(sent.page.referrer);
        if let Some(host) = referrer.as_deref().and_then(host) {
            found.entry("referrer").or_insert_with(|| serde_json::json!({ "host": host }));
        }
        let utm = sent.url.0.or(sent.page.url).map(|url| parameters(&url)).unwrap_or_default();
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
