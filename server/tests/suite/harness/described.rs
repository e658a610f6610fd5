//! Compares every answer that the suite sees with the document of the API: the status, the media
//! type, the code of a problem, and the body, in which no unknown member may be.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use lamplight_server::openapi::{ANYWHERE, PROBLEMS};
use lamplight_server::router;
use serde_json::{Value, json};

/// An answer to compare.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) method: &'a str,
    /// The path and the query of the request.
    pub(crate) target: &'a str,
    pub(crate) status: u16,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) body: &'a str,
}

/// The validators of answers, by operation, status and media type.
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Fails unless the document describes the answer.
pub(crate) fn check(seen: Seen<'_>) {
    let Seen { method, target, status, content_type, body } = seen;
    // An answer to HEAD has the form of one to GET, and no body.
    let (method, has_body) = if method == "HEAD" { ("GET", false) } else { (method, true) };
    let media = content_type.map(|it| it.split(';').next().unwrap_or(it));
    let Some((path, operation)) = operation(method, target) else {
        return check_undescribed(&seen, media, has_body);
    };
    let mut response = &operation["responses"][status.to_string()];
    if let Some(reference) = response["$ref"].as_str() {
        response = router::openapi().pointer(&reference[1..]).unwrap();
    }
    assert!(
        response.is_object(),
        "{method} {path} has no answer {status} in the document: {seen:?}"
    );
    let content = response.get("content").and_then(Value::as_object);
    let (Some(content), Some(media)) = (content, media) else {
        assert!(content.is_none() && body.is_empty(), "{method} {path}, {status}: {seen:?}");
        return;
    };
    let described = content.get(media);
    let described =
        described.unwrap_or_else(|| panic!("{method} {path}, {status}: no {media}: {seen:?}"));
    if has_body && media.ends_with("json") {
        let key = format!("{method} {path} {status} {media}");
        let validator = {
            let mut known = VALIDATORS.lock().unwrap();
            Arc::clone(known.entry(key).or_insert_with(|| strict(&described["schema"])))
        };
        // A client's own numbers may be larger than those that a reader of JSON holds.
        let Ok(body) = serde_json::from_str(body) else { return assert!(body.contains("e4")) };
        let errors: Vec<String> = validator
            .iter_errors(&body)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{method} {path}, {status}: {errors:#?}\n{seen:?}");
    }
}

/// An answer at an address or to a method that the server does not have.
fn check_undescribed(seen: &Seen<'_>, media: Option<&str>, has_body: bool) {
    let is_api = seen.target.split(['/', '?']).nth(1) == Some("api");
    let is_preflight = seen.method == "OPTIONS" && (is_api || seen.target.starts_with("/v1/"));
    if is_preflight && seen.status == 204 {
        return;
    }
    // Pages of the console are for people, and so are its errors.
    let is_page = !is_api && !seen.target.starts_with("/v1/");
    let is_file = seen.target.starts_with("/console/") || seen.target.ends_with("/raw");
    if is_page && (media == Some("text/html") || media.is_none() || is_file) {
        return;
    }
    assert_eq!(media, Some("application/problem+json"), "it is not in the document: {seen:?}");
    if has_body {
        let problem: Value = serde_json::from_str(seen.body).unwrap();
        let code = problem["code"].as_str().unwrap();
        let kind = PROBLEMS.iter().find(|kind| kind.code == code);
        assert_eq!(kind.map(|kind| kind.status), Some(seen.status), "{seen:?}");
        let is_usual = ["not_found", "method_not_allowed"].contains(&code);
        assert!(is_usual || ANYWHERE.contains(&code), "it is not in the document: {seen:?}");
    }
}

/// The operation that a request calls, with its path in the document.
fn operation(method: &str, target: &str) -> Option<(&'static str, &'static Value)> {
    let target = target.split(['?', '#']).next()?;
    let paths = router::openapi()["paths"].as_object()?;
    let (path, methods) = paths.iter().find(|(path, _)| is_at(path, target))?;
    Some((path, methods.get(method.to_lowercase())?))
}

/// Whether a path of the document is that of a request. Intake accepts a slash at the end.
fn is_at(path: &str, target: &str) -> bool {
    let is_intake = path.starts_with("/v1/");
    let target = target.strip_suffix('/').filter(|_| is_intake).unwrap_or(target);
    let (wanted, given) = (path.split('/'), target.split('/'));
    path.split('/').count() == target.split('/').count()
        && wanted.zip(given).all(|(wanted, given)| {
            wanted == given || (wanted.starts_with('{') && !given.is_empty())
        })
}

/// The validator of a schema that allows no other members than it lists.
fn strict(schema: &Value) -> Arc<Validator> {
    let mut schemas = router::openapi()["components"]["schemas"].clone();
    for schema in schemas.as_object_mut().unwrap().values_mut() {
        close(schema);
    }
    let mut schema = schema.clone();
    close(&mut schema);
    let root = json!({"allOf": [schema], "components": {"schemas": schemas}});
    Arc::new(jsonschema::options().should_validate_formats(true).build(&root).unwrap())
}

/// Closes every object of a schema, except parts that are joined with others.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.contains_key("properties") {
                members.entry("additionalProperties").or_insert(false.into());
            }
            for (_, member) in members.iter_mut().filter(|(name, _)| *name != "allOf") {
                close(member);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

mod tests {
    use super::*;

    fn is_described(status: u16, content_type: &str, body: &str) -> bool {
        let target = "/api/sinks/archive/pause?x=1";
        let content_type = Some(content_type);
        let seen = Seen { method: "POST", target, status, content_type, body };
        std::panic::catch_unwind(|| check(seen)).is_ok()
    }

    #[test]
    fn an_answer_that_the_document_does_not_describe_is_noticed() {
        let (json, problem) = ("application/json", "application/problem+json");
        let of = |code: &str, status: u16| {
            json!({"type": "a", "title": "a", "status": status, "detail": "a", "code": code})
                .to_string()
        };
        assert!(is_described(200, json, r#"{"sink": "a", "paused": true}"#));
        assert!(is_described(404, problem, &of("not_found", 404)));
        assert!(!is_described(200, json, r#"{"sink": "a", "paused": true, "more": 1}"#));
        assert!(!is_described(200, json, r#"{"sink": "a"}"#));
        assert!(!is_described(200, "text/plain", "ok"));
        assert!(!is_described(201, json, r#"{"sink": "a", "paused": true}"#));
        assert!(!is_described(404, problem, &of("removed", 404)));
        assert!(!is_described(404, problem, &of("not_found", 400)));
    }
}
