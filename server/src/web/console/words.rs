//! Names of states and stages as pages show them.

/// The colour of a sink's state, as a class of the style sheet.
pub(super) fn sink_tone(state: &str) -> &'static str {
    match state {
        "running" => "good",
        "paused" | "resting" => "warn",
        "stopped" => "bad",
        _ => "",
    }
}

/// Where an error happened.
pub(super) fn stage(name: &str) -> &'static str {
    match name {
        "intake" => "refused request",
        "event" => "invalid event",
        "process" => "processing",
        "delivery" => "delivery",
        _ => "elsewhere",
    }
}
