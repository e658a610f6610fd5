//! Events as lines. Pure.

use crate::sinks::event_json::push_event;
use crate::store::EventRow;

/// The events as JSON, one on each line.
pub fn lines(rows: &[EventRow]) -> String {
    let mut out = String::new();
    for row in rows {
        push_event(&mut out, row);
        out.push('\n');
    }
    out
}
