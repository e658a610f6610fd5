//! What a group of errors means, and what to do.

use crate::openapi::PROBLEMS;
use crate::store::ErrorStage;

/// The name of a stage, as pages show it.
pub(super) fn stage(name: &str) -> &'static str {
    match name {
        "intake" => "Refused requests",
        "event" => "Invalid events",
        "process" => "Processing",
        "delivery" => "Deliveries",
        _ => "Other",
    }
}

/// Every stage with its name.
pub(super) fn stages() -> [(&'static str, &'static str); 4] {
    ErrorStage::ALL.map(|it| (it.name(), stage(it.name())))
}

/// What happened to the events of a stage, and what to do.
pub(super) fn of_stage(name: &str) -> &'static str {
    match name {
        "intake" => {
            "The server refused requests before it stored anything of them. Their events stay with \
             the client, which sends them again unless the answer says that it never can."
        }
        "event" => {
            "These events arrived and cannot be stored, because of what they hold. Correct the code \
             that sends them. What arrived is kept in its payload, which can be replayed."
        }
        "process" => {
            "Payloads are safe on disk, and processing them failed. One that keeps failing because \
             of its own content is set aside after 20 attempts. Retry it after you have removed the \
             cause, for example with a new version of the server."
        }
        "delivery" => {
            "Sending events to a sink failed. Those that are given up are dead letters: retry them \
             once the sink takes them, or discard them if nobody needs them there."
        }
        _ => "",
    }
}

/// What the code of a refused request means, as the description of the API says it.
pub(super) fn of_code(stage: &str, code: &str) -> Option<&'static str> {
    let kind = PROBLEMS.iter().find(|kind| kind.code == code)?;
    (stage == "intake").then_some(kind.meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_says_what_it_means_and_every_refusal_why() {
        for name in ErrorStage::ALL.map(ErrorStage::name) {
            assert_ne!(stage(name), "Other", "{name}");
            assert!(!of_stage(name).is_empty(), "{name}");
        }
        assert!(of_code("intake", "key_unknown").is_some());
        assert_eq!(of_code("delivery", "internal"), None);
    }
}
