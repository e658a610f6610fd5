//! A command that calls an operation with the values of its examples.

use form_urlencoded::byte_serialize;
use serde_json::Value;

/// The command. It takes the server's address and the key from the environment, from the variables
/// that the server and its commands read too.
pub(super) fn command(method: &str, path: &str, operation: &Value) -> String {
    let mut lines = vec![format!("curl \"$LAMPLIGHT_URL{}\"", address(path, operation))];
    match method {
        "get" => {}
        // With a body, curl posts by itself.
        "post" if operation.get("requestBody").is_some() => {}
        method => lines.push(format!("-X {}", method.to_uppercase())),
    }
    if let Some(variable) = key(operation) {
        lines.push(format!("-H \"authorization: Bearer ${variable}\""));
    }
    let body = &operation["requestBody"]["content"]["application/json"]["example"];
    if !body.is_null() {
        lines.push("-H 'content-type: application/json'".to_owned());
        lines.push(format!("-d '{body}'"));
    }
    lines.join(" \\\n  ")
}

/// The variable of the key that the operation needs.
fn key(operation: &Value) -> Option<&'static str> {
    let scheme = operation["security"][0].as_object()?.keys().next()?;
    match scheme.as_str() {
        "writeKey" => Some("LAMPLIGHT_WRITE_KEY"),
        "secretKey" => Some("LAMPLIGHT_SECRET_KEY"),
        _ => Some("LAMPLIGHT_ADMIN_TOKEN"),
    }
}

fn address(path: &str, operation: &Value) -> String {
    let mut address = path.to_owned();
    let mut separator = '?';
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    for (parameter, example) in parameters.filter_map(|it| Some((it, it.get("example")?))) {
        let pairs = match (&parameter["in"], example) {
            (place, _) if place == "path" => {
                let part = format!("{{{}}}", text(&parameter["name"]));
                address = address.replace(&part, &encoded(&text(example)));
                continue;
            }
            (_, Value::Object(members)) => {
                members.iter().map(|(name, value)| (name.clone(), text(value))).collect()
            }
            (_, example) => vec![(text(&parameter["name"]), text(example))],
        };
        for (name, value) in pairs {
            address.push(separator);
            separator = '&';
            address.extend([encoded(&name), "=".to_owned(), encoded(&value)]);
        }
    }
    address
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}
