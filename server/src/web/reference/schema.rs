//! A JSON Schema as HTML: in words, and as a table of its members.

use std::fmt::Write;

use serde_json::Value;

use super::html::{anchor, escaped, line};

/// A link to a schema that has a name.
fn link(reference: &str) -> String {
    let name = reference.rsplit('/').next().unwrap_or_default();
    format!("<a href=\"#schema-{}\">{}</a>", anchor(name), escaped(name))
}

fn code(value: &Value) -> String {
    format!("<code>{}</code>", escaped(&value.to_string()))
}

/// What values a schema has, in a few words.
pub(super) fn words(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return link(reference);
    }
    if let Some(value) = schema.get("const") {
        return code(value);
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(code).collect::<Vec<_>>().join(" or ") + &limits(schema);
    }
    if let Some(forms) = schema["anyOf"].as_array() {
        return forms.iter().map(words).collect::<Vec<_>>().join(" or ");
    }
    if let Some(parts) = schema["prefixItems"].as_array() {
        let parts: Vec<String> = parts.iter().map(words).collect();
        return format!("[{}]", parts.join(", "));
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return "any JSON".to_owned(),
    };
    let types = types.iter().map(|name| match *name {
        "array" if schema["items"].is_object() => format!("array of {}", words(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("object of {} by name", words(&schema["additionalProperties"]))
        }
        name => name.to_owned(),
    });
    let mut text = types.collect::<Vec<_>>().join(" or ");
    if let Some(format) = schema["format"].as_str() {
        let _ = write!(text, " ({})", escaped(format));
    }
    text + &limits(schema)
}

/// The limits of a schema.
fn limits(schema: &Value) -> String {
    let mut text = String::new();
    let limits = [
        ("minimum", "at least"),
        ("maximum", "at most"),
        ("minLength", "length at least"),
        ("maxLength", "length at most"),
        ("maxItems", "items at most"),
        ("maxProperties", "members at most"),
    ];
    for (key, name) in limits {
        // Every count is at least 0.
        if let Some(limit) = schema.get(key).filter(|limit| **limit != 0) {
            let _ = write!(text, ", {name} {limit}");
        }
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        let _ = write!(text, ", like <code>{}</code>", escaped(pattern));
    }
    if let Some(default) = schema.get("default").filter(|default| !default.is_null()) {
        let _ = write!(text, ", default {}", code(default));
    }
    text
}

/// A schema as a table of its members, or in words if it has none.
pub(super) fn table(schema: &Value) -> String {
    let Some(members) = schema["properties"].as_object() else {
        if let Some(forms) = schema["anyOf"].as_array() {
            return one_of(forms);
        }
        return match schema.get("items").filter(|items| items["properties"].is_object()) {
            Some(items) => format!("<p>array of</p>{}", table(items)),
            None => format!("<p>{}</p>", words(schema)),
        };
    };
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut html = String::from("<div class=\"wide\"><table>\n");
    for (name, member) in members {
        let mark = if required.contains(&name.as_str()) { "" } else { " <i>optional</i>" };
        let about = member["description"].as_str().unwrap_or_default().replace('\n', " ");
        let _ = writeln!(
            html,
            "<tr><td><code>{}</code>{mark}<td>{}<td>{}",
            escaped(name),
            words(member),
            line(&about)
        );
    }
    html + "</table></div>\n"
}

fn one_of(forms: &[Value]) -> String {
    let mut html = String::from("<p>One of these:</p>\n<ul>\n");
    for form in forms {
        let title = form["title"].as_str().map(|title| format!("{}: ", escaped(title)));
        let title = title.unwrap_or_default();
        let _ = writeln!(html, "<li>{title}{}", table(form));
    }
    html + "</ul>\n"
}
