//! One operation as HTML.

use std::fmt::Write;

use serde_json::Value;

use super::curl;
use super::html::{anchor, escaped, line, paragraphs};
use super::schema;
use crate::openapi::ANYWHERE;

/// The section of one operation.
pub(super) fn section(method: &str, path: &str, operation: &Value) -> String {
    let id = operation["operationId"].as_str().unwrap_or_default();
    let text = |key: &str| operation[key].as_str().unwrap_or_default();
    let mut html = format!(
        "<section id=\"{}\">\n<h3><a href=\"#{}\">{}</a></h3>\n\
         <p class=\"address\"><b class=\"{method}\">{}</b> <code>{}</code></p>\n{}",
        anchor(id),
        anchor(id),
        escaped(text("summary")),
        method.to_uppercase(),
        escaped(path),
        paragraphs(text("description")),
    );
    let _ = writeln!(html, "<p class=\"access\">{}</p>", access(operation));
    let _ = writeln!(
        html,
        "<pre tabindex=\"0\"><code>{}</code></pre>",
        escaped(&curl::command(method, path, operation))
    );
    html.push_str(&parameters(operation));
    if let Some(body) = operation["requestBody"]["content"].as_object() {
        html.push_str("<h4>Body</h4>\n");
        for (media, content) in body {
            let _ = writeln!(html, "<p><code>{}</code></p>", escaped(media));
            html.push_str(&schema::table(&content["schema"]));
        }
    }
    html + &answers(operation) + "</section>\n"
}

/// Who may call.
fn access(operation: &Value) -> String {
    let schemes = operation["security"].as_array().into_iter().flatten();
    let names: Vec<&str> = schemes
        .filter_map(|scheme| scheme.as_object()?.keys().next().map(String::as_str))
        .collect();
    let who = match names.as_slice() {
        [] => "Needs no key and no token.",
        ["adminToken"] => "Needs an admin token.",
        ["adminToken", ..] => "Needs an admin or viewer token.",
        ["writeKey", ..] => "Needs a write key.",
        _ => "Needs a secret key.",
    };
    match operation["x-cost-class"].as_str() {
        Some(class) => format!("{who} Takes a place of the class <i>{}</i>.", escaped(class)),
        None => who.to_owned(),
    }
}

fn parameters(operation: &Value) -> String {
    let Some(parameters) = operation["parameters"].as_array() else { return String::new() };
    let mut html = String::from("<h4>Parameters</h4>\n<div class=\"wide\"><table>\n");
    for parameter in parameters {
        // The names are in the schema, and its own name is not sent.
        let (name, values) = if parameter["style"] == "form" {
            let count_max = &parameter["schema"]["maxProperties"];
            ("prop.<path>", format!("string, at most {count_max} of them"))
        } else {
            let name = parameter["name"].as_str().unwrap_or_default();
            (name, schema::words(&parameter["schema"]))
        };
        let place = match parameter["in"].as_str() {
            Some("path") => " <i>in the path</i>",
            Some("header") => " <i>header</i>",
            _ if parameter["required"] == true => " <i>required</i>",
            _ => "",
        };
        let _ = writeln!(
            html,
            "<tr><td><code>{}</code>{place}<td>{values}<td>{}",
            escaped(name),
            line(parameter["description"].as_str().unwrap_or_default()),
        );
    }
    html + "</table></div>\n"
}

/// The answers that are no problems, and then the problems.
fn answers(operation: &Value) -> String {
    let Some(responses) = operation["responses"].as_object() else { return String::new() };
    let is_problem = |status: &str| status >= "400";
    let mut html = String::from("<h4>Answers</h4>\n");
    for (status, response) in responses.iter().filter(|(status, _)| !is_problem(status)) {
        let about = line(response["description"].as_str().unwrap_or_default());
        let _ = writeln!(html, "<p><b>{}</b> {about}</p>", escaped(status));
        for (media, content) in response["content"].as_object().into_iter().flatten() {
            if media == "application/json" {
                html.push_str(&schema::table(&content["schema"]));
            } else {
                let _ = writeln!(html, "<p><code>{}</code></p>", escaped(media));
            }
        }
    }
    let problems = responses.iter().filter(|(status, _)| is_problem(status));
    let rows: String = problems.map(|(status, it)| problem_rows(status, it, false)).collect();
    if !rows.is_empty() {
        let _ = writeln!(
            html,
            "<details><summary>Problems</summary>\n<div class=\"wide\"><table>\n{rows}</table></div>\n\
             </details>"
        );
    }
    html
}

/// A row for each problem of an answer: those that any request can get, or the others.
pub(super) fn problem_rows(status: &str, response: &Value, is_anywhere: bool) -> String {
    let lines = response["description"].as_str().unwrap_or_default().lines();
    let problems = lines.filter_map(|text| text.trim_start_matches("- ").split_once(": "));
    let problems =
        problems.filter(|(code, _)| ANYWHERE.contains(&code.trim_matches('`')) == is_anywhere);
    let row =
        |(code, meaning)| format!("<tr><td>{status}<td>{}<td>{}\n", line(code), line(meaning));
    problems.map(row).collect()
}
