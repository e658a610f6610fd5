//! What Mixpanel refuses, known before it is sent
//! (<https://docs.mixpanel.com/reference/import-events>). Pure.

use crate::store::{EventRow, Reason};

/// 1 January 1971, before which Mixpanel takes no event, in milliseconds since 1970.
const FIRST_MS: i64 = 365 * 24 * 60 * 60 * 1_000;
/// How far in the future an event may be, in milliseconds.
const AHEAD_MS_MAX: i64 = 60 * 60 * 1_000;
/// An event has fewer properties than this, each object in it fewer members, and each array fewer
/// elements.
const MEMBERS_END: usize = 255;
/// The most bytes of an event.
const EVENT_BYTES_MAX: usize = 1_000_000;

/// Checks an event and its text for `/import`.
///
/// # Errors
/// Why Mixpanel would refuse it.
pub fn check(row: &EventRow, text: &str, now_ms: i64) -> Result<(), Reason> {
    let no = |code, detail: String| Err(Reason::new(code, &detail));
    if row.time_ms < FIRST_MS {
        return no("too_old", format!("the event's time is {}, before 1971", row.time_ms));
    }
    if row.time_ms.saturating_sub(now_ms) > AHEAD_MS_MAX {
        let detail = "more than an hour in the future: retry it when that time has come";
        return no("in_future", format!("the event's time is {}, {detail}", row.time_ms));
    }
    if text.len() > EVENT_BYTES_MAX {
        let detail = format!(
            "the event has {} bytes in Mixpanel's format, and at most {EVENT_BYTES_MAX} are allowed",
            text.len()
        );
        return no("too_large", detail);
    }
    let most = members_max(text);
    if most >= MEMBERS_END {
        let detail = format!(
            "the event has an object or array with {most} members, and Mixpanel takes fewer than {MEMBERS_END}"
        );
        return no("too_many_properties", detail);
    }
    Ok(())
}

/// The most members of any object or array in valid JSON.
fn members_max(json: &str) -> usize {
    // For each open object or array: commas so far, and whether it has anything in it.
    let mut open: Vec<(usize, bool)> = Vec::new();
    let (mut most, mut in_string, mut is_escaped) = (0, false, false);
    for byte in json.bytes() {
        match (in_string, byte) {
            (true, _) if is_escaped => is_escaped = false,
            (true, b'\\') => is_escaped = true,
            (true, b'"') => in_string = false,
            (true, _) | (false, b' ' | b'\t' | b'\r' | b'\n') => {}
            (false, b',') => {
                if let Some((commas, _)) = open.last_mut() {
                    *commas += 1;
                }
            }
            (false, b'}' | b']') => {
                let members = open.pop().map_or(0, |(commas, any)| commas + usize::from(any));
                most = most.max(members);
            }
            (false, byte) => {
                if let Some((_, any)) = open.last_mut() {
                    *any = true;
                }
                match byte {
                    b'{' | b'[' => open.push((0, false)),
                    b'"' => in_string = true,
                    _ => {}
                }
            }
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_counted_in_every_object_and_array_and_not_in_strings() {
        for (json, want) in [
            ("{}", 0),
            ("[ ]", 0),
            ("[1]", 1),
            (r#"{"a":"x,y,z","b":[1, 2, 3]}"#, 3),
            (r#"{"a\",":[{},{},{},[]],"b":0}"#, 4),
            (r#"{"a":1,"b":2,"c":[[]]}"#, 3),
        ] {
            assert_eq!(members_max(json), want, "{json}");
        }
    }
}
