//! The page, made of the document.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use super::html::{anchor, escaped, line, paragraphs};
use super::{operation, schema};

/// The whole page.
pub(super) fn write(openapi: &Value) -> String {
    let groups = groups(openapi);
    let version = escaped(openapi["info"]["version"].as_str().unwrap_or_default());
    let about = paragraphs(openapi["info"]["description"].as_str().unwrap_or_default());
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Lamplight API</title>\n<link rel=\"stylesheet\" href=\"/api/docs/style.css\">\n\
         <header><h1>Lamplight API</h1>\n<p>Version {version} · \
         <a href=\"/openapi.json\">OpenAPI document</a></p></header>\n\
         <nav aria-label=\"Calls\">\n{}</nav>\n<main>\n{about}{}{}{}{}</main>\n</html>\n",
        contents(&groups),
        keys(openapi),
        problems(openapi),
        groups.iter().map(chapter).collect::<String>(),
        schemas(openapi),
    )
}

/// A chapter, and its operations.
struct Chapter<'a> {
    name: &'a str,
    about: &'a str,
    /// Method, path and description.
    operations: Vec<(&'a str, &'a str, &'a Value)>,
}

fn groups(openapi: &Value) -> Vec<Chapter<'_>> {
    let tags = openapi["tags"].as_array().into_iter().flatten();
    tags.map(|tag| chapter_of(openapi, tag)).collect()
}

fn chapter_of<'a>(openapi: &'a Value, tag: &'a Value) -> Chapter<'a> {
    let paths = openapi["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
    });
    Chapter {
        name: tag["name"].as_str().unwrap_or_default(),
        about: tag["description"].as_str().unwrap_or_default(),
        operations: operations.filter(|(.., it)| it["tags"][0] == tag["name"]).collect(),
    }
}

fn contents(chapters: &[Chapter<'_>]) -> String {
    let mut html = String::from(
        "<ul>\n<li><a href=\"#keys-and-tokens\">Keys and tokens</a>\n\
         <li><a href=\"#problems\">Problems</a>\n",
    );
    for chapter in chapters {
        let (id, name) = (anchor(chapter.name), escaped(chapter.name));
        let _ = writeln!(html, "<li><a href=\"#{id}\">{name}</a>\n<ul>");
        for (method, path, operation) in &chapter.operations {
            let id = anchor(operation["operationId"].as_str().unwrap_or_default());
            let (method, path) = (method.to_uppercase(), escaped(path));
            let _ = writeln!(html, "<li><a href=\"#{id}\">{method} <wbr>{path}</a>");
        }
        html.push_str("</ul>\n");
    }
    html + "<li><a href=\"#schemas\">Schemas</a>\n</ul>\n"
}

fn keys(openapi: &Value) -> String {
    let mut html = String::from(
        "<h2 id=\"keys-and-tokens\">Keys and tokens</h2>\n<p>The server prints its first keys when it \
         first starts. The commands on this page take the address of the server from \
         <code>LAMPLIGHT_URL</code>, and keys from <code>LAMPLIGHT_ADMIN_TOKEN</code>, \
         <code>LAMPLIGHT_WRITE_KEY</code> and <code>LAMPLIGHT_SECRET_KEY</code>.</p>\n<ul>\n",
    );
    for scheme in openapi["components"]["securitySchemes"].as_object().into_iter().flatten() {
        let how = match (scheme.1["scheme"].as_str(), scheme.1["in"].as_str()) {
            (Some("bearer"), _) => "<code>Authorization: Bearer …</code>",
            (Some(_), _) => "<code>Authorization: Basic …</code>",
            _ => "<code>?key=…</code>",
        };
        let about = line(scheme.1["description"].as_str().unwrap_or_default());
        let _ = writeln!(html, "<li>{how}: {about}");
    }
    html + "</ul>\n"
}

/// The problems that any call can get.
fn problems(openapi: &Value) -> String {
    let answers = openapi["components"]["responses"].as_object().into_iter().flatten();
    let statuses = answers.filter_map(|(_, answer)| {
        let schema = &answer["content"]["application/problem+json"]["schema"];
        Some((schema["allOf"][1]["properties"]["status"]["const"].as_u64()?, answer))
    });
    let statuses: BTreeMap<u64, &Value> = statuses.collect();
    let rows =
        statuses.iter().map(|(status, it)| operation::problem_rows(&status.to_string(), it, true));
    format!(
        "<h2 id=\"problems\">Problems</h2>\n<p>Every answer that is not a 2xx is a \
         <a href=\"#schema-Problem\">problem document</a>. Any call can get these:</p>\n\
         <div class=\"wide\"><table>\n{}</table></div>\n",
        rows.collect::<String>()
    )
}

fn chapter(chapter: &Chapter<'_>) -> String {
    let (id, name) = (anchor(chapter.name), escaped(chapter.name));
    let head = format!("<h2 id=\"{id}\">{name}</h2>\n<p>{}</p>\n", line(chapter.about));
    let sections =
        chapter.operations.iter().map(|(method, path, it)| operation::section(method, path, it));
    head + &sections.collect::<String>()
}

fn schemas(openapi: &Value) -> String {
    let mut html = String::from("<h2 id=\"schemas\">Schemas</h2>\n");
    for (name, schema) in openapi["components"]["schemas"].as_object().into_iter().flatten() {
        let (id, name) = (anchor(name), escaped(name));
        let about = paragraphs(schema["description"].as_str().unwrap_or_default());
        let table = schema::table(schema);
        let _ = writeln!(
            html,
            "<section id=\"schema-{id}\">\n<h3><a href=\"#schema-{id}\">{name}</a></h3>\n{about}{table}</section>"
        );
    }
    html
}
