//! `Date.now` and `performance.now`.

use super::Browser;
use crate::ports::Clock;

// Both are positive and far below 2^53.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
impl Clock for Browser {
    fn wall_ms(&self) -> u64 {
        js_sys::Date::now() as u64
    }

    fn monotonic_ms(&self) -> u64 {
        // A page without it, if there is one, has only the wall clock; waits then follow its jumps.
        self.performance.as_ref().map_or_else(js_sys::Date::now, web_sys::Performance::now) as u64
    }
}
