//! Names of states and stages as pages show them, and links.

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

/// A path with these query parameters.
pub(super) fn link(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    format!("{path}?{}", query.finish())
}
