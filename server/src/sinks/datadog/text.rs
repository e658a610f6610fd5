//! Names and tags that Datadog keeps apart. Pure.
//!
//! Datadog replaces each character that it does not know by `_`, removes leading characters that
//! are no letters, and cuts what is too long (its naming and tagging policies). Different texts
//! would then become the same metric. So other scripts and symbols are written as code points, and
//! what is cut ends with a hash of the whole.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// The longest name of a metric, in bytes.
const NAME_BYTES_MAX: usize = 200;
/// The longest tag, in characters.
const TAG_CHARS_MAX: usize = 200;

/// The name of a metric: ASCII letters, digits, `_` and `.`, beginning with a letter. `None` if the
/// name has only punctuation.
pub(super) fn metric_name(name: &str) -> Option<String> {
    if !name.chars().any(|letter| letter.is_ascii_alphanumeric() || is_symbol(letter)) {
        return None;
    }
    let mut out = String::with_capacity(name.len() + 1);
    for letter in name.chars() {
        match letter {
            _ if letter.is_ascii_alphanumeric() || letter == '.' => out.push(letter),
            _ if letter.is_ascii() || letter.is_control() => out.push('_'),
            _ => push_code(&mut out, letter),
        }
    }
    if !out.starts_with(|first: char| first.is_ascii_alphabetic()) {
        out.insert(0, 'x');
    }
    Some(cut(out, NAME_BYTES_MAX))
}

fn is_symbol(letter: char) -> bool {
    !letter.is_ascii() && !letter.is_control()
}

/// A tag without characters that end a tag, the list of tags, or the line.
pub(super) fn tag(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 1);
    for letter in text.chars() {
        match letter {
            '|' | ',' | '#' => out.push('_'),
            _ if letter.is_control() => out.push('_'),
            // Datadog takes the letters of every script, and no other symbols.
            _ if is_symbol(letter) && !letter.is_alphanumeric() => push_code(&mut out, letter),
            _ => out.push(letter),
        }
    }
    if out.starts_with(|first: char| !first.is_alphabetic()) {
        out.insert(0, 'x');
    }
    cut(out, TAG_CHARS_MAX)
}

/// Tags that say where a metric comes from. The agent takes the host and the container from them,
/// in place of its own.
const ORIGIN_TAGS: [&str; 7] =
    ["host", "hostname", "device", "container_id", "container_name", "entity_id", "pod_name"];
/// What the names of the agent's own tags begin with.
const AGENT_TAGS: &str = "dd.internal";
/// What is put before a name that an event may not set.
const RENAMED: &str = "event.";

/// Whether a tag with this name says where a metric comes from. Datadog compares lower case.
fn is_reserved(name: &str) -> bool {
    let name = name.trim().to_lowercase();
    ORIGIN_TAGS.contains(&name.as_str()) || name.starts_with(AGENT_TAGS)
}

/// The tag of a member of `tags`. Its first colon ends the name. A name that would set the metric's
/// host or container gets a prefix, because anyone who has a public key can send it.
pub(super) fn named_tag(name: &str, value: &str) -> String {
    let mut name = name.replace(':', "_");
    if is_reserved(&name) {
        name.insert_str(0, RENAMED);
    }
    if value.is_empty() { tag(&name) } else { tag(&format!("{name}:{value}")) }
}

fn push_code(out: &mut String, letter: char) {
    let _ = write!(out, "u{:04x}", u32::from(letter));
}

/// At most `chars_max` characters. A text that is cut ends with a hash of the whole.
fn cut(text: String, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text;
    }
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes())[..4]);
    let kept: String = text.chars().take(chars_max - hash.len() - 1).collect();
    format!("{kept}_{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_that_datadog_would_make_the_same_stay_different() {
        let long = |end: &str| format!("{}{end}", "n".repeat(250));
        let names =
            ["支付", "登录", "支付ok", "登录ok", "2xx", "3xx", "größe", "grüße", "😀", "😢"];
        let names = names.map(str::to_owned).into_iter().chain([long("a"), long("b")]);
        let written: BTreeSet<String> = names.map(|name| metric_name(&name).unwrap()).collect();
        assert_eq!(written.len(), 12, "{written:?}");
        for name in written {
            assert!(name.len() <= 200 && name.starts_with(|it: char| it.is_ascii_alphabetic()));
        }
        assert_eq!(metric_name("load time-1.x").as_deref(), Some("load_time_1.x"));
        assert_eq!(metric_name("...-"), None);
    }

    #[test]
    fn tags_that_datadog_would_make_the_same_stay_different() {
        let long = |end: &str| format!("k:{}{end}", "v".repeat(250));
        let tags = ["mood:😀", "mood:😢", "1k:v", "k:v", "a,b", "ab", "城市:北京", "城市:上海"];
        let tags = tags.map(str::to_owned).into_iter().chain([long("a"), long("b")]);
        let written: BTreeSet<String> = tags.map(|text| tag(&text)).collect();
        assert_eq!(written.len(), 10, "{written:?}");
        assert!(written.iter().all(|tag| tag.chars().count() <= 200));
        assert_eq!(named_tag("a:b", "http://x|y"), "a_b:http://x_y");
        assert_eq!(named_tag("k", ""), "k");
    }
}
