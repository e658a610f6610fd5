//! Browser, system and device from the user agent, and whether it is a bot.
//!
//! Browsers have frozen most of this header, so a small table of patterns is enough.

use std::panic::catch_unwind;

use serde_json::{Map, Value};
use woothee::parser::Parser;

/// Automated browsers send one of these beside the browser they imitate.
const AUTOMATED: [&str; 5] =
    ["HeadlessChrome", "PhantomJS", "Electron-Headless", "Puppeteer", "Playwright"];
/// The parser's value for what it does not recognize.
const UNKNOWN: &str = "UNKNOWN";

/// The longest value that is added, in bytes. One header is added to each event of its payload.
const VALUE_BYTES_MAX: usize = 32;

/// What the header tells.
pub(super) fn read(text: &str) -> Result<Option<Value>, String> {
    let is_automated = AUTOMATED.iter().any(|name| text.contains(name));
    // Header and parser are both foreign: even if the parser panics, the event is stored.
    let read = catch_unwind(|| Parser::new().parse(text).map(|found| members(&found)));
    match read {
        Ok(Some(mut members)) => {
            if is_automated {
                members.insert("bot".into(), true.into());
            }
            Ok((!members.is_empty()).then_some(Value::Object(members)))
        }
        Ok(None) if is_automated => Ok(Some(serde_json::json!({ "bot": true }))),
        Ok(None) => Ok(None),
        Err(_) => Err("the user agent cannot be read".into()),
    }
}

fn members(found: &woothee::parser::WootheeResult<'_>) -> Map<String, Value> {
    let mut members = Map::new();
    let device = match found.category {
        "pc" => "desktop",
        "smartphone" => "phone",
        "mobilephone" => "feature phone",
        "appliance" => "appliance",
        _ => UNKNOWN,
    };
    for (name, value) in [
        ("browser", found.name),
        ("browser_version", found.version),
        ("os", found.os),
        ("os_version", &*found.os_version),
        ("device", device),
    ] {
        if value != UNKNOWN && (1..=VALUE_BYTES_MAX).contains(&value.len()) {
            members.insert(name.into(), value.into());
        }
    }
    if found.category == "crawler" {
        members.insert("bot".into(), true.into());
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn browsers_and_systems_are_recognized() {
        for (text, want) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36",
                json!({ "browser": "Chrome", "browser_version": "128.0.0.0", "device": "desktop", "os": "Windows 10",
                    "os_version": "NT 10.0" }),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
                json!({ "browser": "Safari", "browser_version": "17.5", "device": "phone", "os": "iPhone",
                    "os_version": "17.5" }),
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
                json!({ "browser": "Firefox", "browser_version": "128.0", "device": "desktop", "os": "Linux" }),
            ),
        ] {
            assert_eq!(read(text).unwrap(), Some(want), "{text}");
        }
        assert_eq!(read("").unwrap(), None);
    }

    #[test]
    fn bots_are_marked_and_people_are_not() {
        let is_bot = |text: &str| read(text).unwrap().is_some_and(|agent| agent["bot"] == true);
        for text in [
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/128.0.0.0 Safari/537.36",
        ] {
            assert!(is_bot(text), "{text}");
        }
        assert!(!is_bot("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"));
    }

    #[test]
    fn a_header_adds_little_to_each_event_however_long_its_versions_are() {
        let version = "1".repeat(400);
        for text in [
            format!("Mozilla/5.0 (Windows NT 10.0; Win64) Chrome/{version} Safari/537.36"),
            format!(
                "Mozilla/5.0 (iPhone; CPU iPhone OS {version} like Mac OS X) Version/{version}"
            ),
        ] {
            let added = read(&text).unwrap().unwrap_or_default().to_string();
            assert!(added.len() <= 5 * (VALUE_BYTES_MAX + 24), "{added}");
        }
    }
}
