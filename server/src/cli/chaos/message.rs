//! Messages of the Chrome DevTools Protocol
//! (<https://chromedevtools.github.io/devtools-protocol/>).

use serde_json::{Value, json};

/// What the browser says.
#[derive(Debug, PartialEq)]
pub(super) enum Message {
    /// The answer to a command: its result, or what went wrong.
    Reply { id: u64, result: Result<Value, String> },
    /// The process of a page has ended.
    Crashed { target: String },
    /// Something that is of no interest here.
    Other,
}

/// A command, to the browser itself or to the page of a session.
pub(super) fn command(id: u64, session: Option<&str>, method: &str, params: &Value) -> String {
    let mut command = json!({ "id": id, "method": method, "params": params });
    if let Some(session) = session {
        command["sessionId"] = session.into();
    }
    command.to_string()
}

/// Reads what the browser said.
pub(super) fn read(text: &str) -> Message {
    let Ok(mut message) = serde_json::from_str::<Value>(text) else { return Message::Other };
    if let Some(id) = message["id"].as_u64() {
        let error = message["error"]["message"].as_str().map(ToOwned::to_owned);
        return Message::Reply {
            id,
            result: error.map_or_else(|| Ok(message["result"].take()), Err),
        };
    }
    match (message["method"].as_str(), message["params"]["targetId"].as_str()) {
        (Some("Target.targetCrashed"), Some(target)) => {
            Message::Crashed { target: target.to_owned() }
        }
        _ => Message::Other,
    }
}

/// What a script gave, or why it failed.
pub(super) fn evaluated(mut reply: Value) -> Result<Value, String> {
    let thrown = &reply["exceptionDetails"];
    if !thrown.is_null() {
        let description = thrown["exception"]["description"].as_str();
        let text = description.or(thrown["text"].as_str()).unwrap_or("a script failed");
        return Err(text.to_owned());
    }
    Ok(reply["result"]["value"].take())
}

/// The processes of pages in the answer of `SystemInfo.getProcessInfo`.
pub(super) fn renderers(reply: &Value) -> Vec<i32> {
    let all = reply["processInfo"].as_array().map(Vec::as_slice).unwrap_or_default();
    let renderers = all.iter().filter(|process| process["type"] == "renderer");
    renderers
        .filter_map(|process| process["id"].as_i64())
        .filter_map(|id| i32::try_from(id).ok())
        .filter(|id| *id > 1)
        .collect()
}

/// The address that the browser prints when it can be controlled.
pub(super) fn address(line: &str) -> Option<&str> {
    let (_, address) = line.split_once("DevTools listening on ")?;
    address.trim().starts_with("ws://").then_some(address.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_name_the_session_only_if_there_is_one() {
        let params = json!({ "url": "about:blank" });
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let whole = read(&command(7, None, "Target.createTarget", &params));
        assert_eq!(whole, json!({ "id": 7, "method": "Target.createTarget", "params": params }));
        assert_eq!(read(&command(8, Some("s"), "x", &params))["sessionId"], "s");
    }

    #[test]
    fn replies_errors_and_crashes_are_told_apart() {
        let reply = read(r#"{"id":3,"result":{"targetId":"t"},"sessionId":"s"}"#);
        assert_eq!(reply, Message::Reply { id: 3, result: Ok(json!({ "targetId": "t" })) });
        let failed = read(r#"{"id":4,"error":{"code":-32000,"message":"No session"}}"#);
        assert_eq!(failed, Message::Reply { id: 4, result: Err("No session".into()) });
        let crashed =
            r#"{"method":"Target.targetCrashed","params":{"targetId":"t","errorCode":9}}"#;
        assert_eq!(read(crashed), Message::Crashed { target: "t".into() });
        for other in [
            "",
            "[]",
            "null",
            "{}",
            r#"{"id":"3"}"#,
            r#"{"id":-1,"result":{}}"#,
            r#"{"method":"Target.targetCrashed","params":{}}"#,
            r#"{"method":"Target.targetDestroyed","params":{"targetId":"t"}}"#,
        ] {
            assert_eq!(read(other), Message::Other, "{other}");
        }
    }

    #[test]
    fn a_script_that_throws_is_an_error_with_its_words() {
        let reply = json!({ "result": { "type": "number", "value": 3 } });
        assert_eq!(evaluated(reply), Ok(json!(3)));
        let thrown = json!({ "result": {}, "exceptionDetails": {
            "text": "Uncaught", "exception": { "description": "Error: no #made" } } });
        assert_eq!(evaluated(thrown), Err("Error: no #made".into()));
        let bare = json!({ "result": {}, "exceptionDetails": { "text": "Uncaught" } });
        assert_eq!(evaluated(bare), Err("Uncaught".into()));
    }

    #[test]
    fn only_processes_of_pages_are_ever_killed() {
        let reply = json!({ "processInfo": [
            { "type": "browser", "id": 10 }, { "type": "renderer", "id": 11 },
            { "type": "GPU", "id": 12 }, { "type": "renderer", "id": 13 },
            // A signal to one of these would reach other processes than one page.
            { "type": "renderer", "id": 0 }, { "type": "renderer", "id": -1 },
            { "type": "renderer", "id": 1 }, { "type": "renderer", "id": 1_i64 << 40 },
        ] });
        assert_eq!(renderers(&reply), [11, 13]);
        assert_eq!(renderers(&json!({})), [0; 0]);
    }

    #[test]
    fn the_address_of_the_browser_is_found_in_its_line() {
        let line = "DevTools listening on ws://127.0.0.1:41001/devtools/browser/1b-2c\n";
        assert_eq!(address(line), Some("ws://127.0.0.1:41001/devtools/browser/1b-2c"));
        assert_eq!(address("[1:2:ERROR] DevTools is not here"), None);
        assert_eq!(address("DevTools listening on http://x/"), None);
    }
}
