//! The OpenAPI document of a list of routes.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::operation::Group;
use super::problems::{ANYWHERE, OF_BODIES, ProblemKind};
use super::routes::Route;
use super::shape::{Answer, Guard, Schemas, Shape};
use crate::http::problem::ProblemJson;

const ABOUT: &str = "Lamplight stores telemetry events durably and shows for each one where it is.\n\n\
    Times are milliseconds since 1970. Every answer that is not a 2xx is a problem document \
    (RFC 9457) with a stable `code`. Answers may get more fields in later versions, so ignore \
    those that you do not know. The guides `docs/http.md` and `docs/reading.md` explain the API \
    with examples.";

/// The document that describes these routes.
pub fn document(routes: &[Route]) -> Value {
    let mut schemas = Schemas::default();
    let problem = schemas.written::<ProblemJson<'static>>();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for route in routes {
        let mut shape = Shape::new(&mut schemas);
        (route.describe)(&mut shape);
        let methods = paths.entry(route.path).or_default();
        methods.insert(route.method.as_str().to_lowercase(), operation(route, shape, &problem));
    }
    let tag = |group: Group| json!({"name": group.name(), "description": group.about()});
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Lamplight",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Browser telemetry that never loses an event silently",
            "description": ABOUT,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": Group::ALL.map(tag),
        "paths": paths,
        "components": {
            "schemas": schemas.named(),
            "responses": shared_answers(&problem),
            "securitySchemes": security_schemes(),
        },
    })
}

fn security_schemes() -> Value {
    let bearer = |about: &str| json!({"type": "http", "scheme": "bearer", "description": about});
    let basic = |about: &str| json!({"type": "http", "scheme": "basic", "description": about});
    let query =
        |about: &str| json!({"type": "apiKey", "in": "query", "name": "key", "description": about});
    json!({
        "adminToken": bearer("An admin token (`at_…`), which may read and change everything."),
        "viewerToken": bearer("A viewer token (`vt_…`), which may only read."),
        "writeKey": bearer("A write key (`wk_…`), which pages send events with. It is public."),
        "writeKeyAsUser": basic("A write key as the user name, with an empty password."),
        "writeKeyInAddress": query("A write key (`wk_…`) in the address."),
        "secretKey": bearer("A secret key (`sk_…`), which backends send events with."),
        "secretKeyAsUser": basic("A secret key as the user name, with an empty password."),
        "secretKeyInAddress": query("A secret key (`sk_…`) in the address. Logs may show it."),
    })
}

fn operation(route: &Route, shape: Shape<'_>, problem: &Value) -> Value {
    let operation = route.operation;
    let params = operation.query.iter().copied().flatten().map(|it| it.json("query"));
    let params: Vec<Value> = (operation.part.iter().map(|it| it.json("path")))
        .chain(params)
        .chain(operation.headers.iter().map(|it| it.json("header")))
        .collect();
    let mut codes: Vec<&'static str> = shape.problems;
    codes.extend(ANYWHERE);
    codes.extend(operation.problems);
    if shape.body.is_some() {
        codes.extend(OF_BODIES);
    }
    let mut json = json!({
        "operationId": operation.id,
        "tags": [operation.group.name()],
        "summary": operation.summary,
        "security": security(shape.guard),
        "responses": responses(shape.answers, &codes, problem),
    });
    if !operation.about.is_empty() {
        json["description"] = operation.about.into();
    }
    if !params.is_empty() {
        json["parameters"] = params.into();
    }
    if let Some(cost) = shape.cost {
        json["x-cost-class"] = cost.into();
    }
    if let Some((media, schema)) = shape.body {
        let example: Value = serde_json::from_str(operation.body_example).unwrap_or_default();
        let content = media.iter().map(|media| {
            let content = json!({"schema": schema, "example": example});
            ((*media).to_owned(), content)
        });
        json["requestBody"] = json!({"required": true, "content": content.collect::<Map<_, _>>()});
    }
    json
}

fn security(guard: Guard) -> Value {
    let names: &[&str] = match guard {
        Guard::Nobody => &[],
        Guard::ReaderToken => &["adminToken", "viewerToken"],
        Guard::AdminToken => &["adminToken"],
        Guard::WriteKey => &["writeKey", "writeKeyAsUser", "writeKeyInAddress"],
        Guard::SecretKey => &["secretKey", "secretKeyAsUser", "secretKeyInAddress"],
    };
    names.iter().map(|name| json!({*name: []})).collect()
}

fn responses(
    answers: Vec<Answer>,
    codes: &[&'static str],
    problem: &Value,
) -> BTreeMap<String, Value> {
    let mut responses = BTreeMap::<String, Value>::new();
    for Answer { status, meaning, content, may_lack } in answers {
        let begun = || {
            let mut headers = headers(status);
            if may_lack {
                headers["Lamplight-Partial"] = json!({
                    "description": "The numbers of the databases that did not answer, as in `partial`",
                    "required": false,
                    "schema": {"type": "string"},
                });
            }
            json!({"description": meaning, "headers": headers})
        };
        let json = responses.entry(status.as_str().to_owned()).or_insert_with(begun);
        // One status can have several media types.
        if let Some((media, schema)) = content {
            json["content"][media] = json!({"schema": schema});
        }
    }
    let mut by_status: BTreeMap<u16, Vec<&'static ProblemKind>> = BTreeMap::new();
    for kind in codes.iter().filter_map(|code| ProblemKind::find(code)) {
        let kinds = by_status.entry(kind.status).or_default();
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    for (status, kinds) in by_status {
        // Most operations have the same problems of these.
        let json = if kinds.iter().all(|kind| ANYWHERE.contains(&kind.code)) {
            json!({"$ref": format!("#/components/responses/{}", shared_name(status))})
        } else {
            problem_answer(status, &kinds, problem)
        };
        responses.insert(status.to_string(), json);
    }
    responses
}

/// Problems that any request can get, by their status.
fn shared_answers(problem: &Value) -> BTreeMap<String, Value> {
    let mut by_status: BTreeMap<u16, Vec<&'static ProblemKind>> = BTreeMap::new();
    for kind in ANYWHERE.iter().filter_map(|code| ProblemKind::find(code)) {
        by_status.entry(kind.status).or_default().push(kind);
    }
    let answers = by_status.into_iter();
    answers
        .map(|(status, it)| (shared_name(status), problem_answer(status, &it, problem)))
        .collect()
}

/// The name of the status, in one word.
fn shared_name(status: u16) -> String {
    let status = StatusCode::from_u16(status).ok().and_then(|it| it.canonical_reason());
    status.unwrap_or("Problem").split(' ').collect()
}

/// The answer with a problem of one of these kinds, which share a status.
fn problem_answer(status: u16, kinds: &[&ProblemKind], problem: &Value) -> Value {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let lines = kinds.iter().map(|kind| format!("- `{}`: {}", kind.code, kind.meaning));
    let codes: Vec<&str> = kinds.iter().map(|kind| kind.code).collect();
    let these =
        json!({"properties": {"status": {"const": status.as_u16()}, "code": {"enum": codes}}});
    json!({
        "description": lines.collect::<Vec<_>>().join("\n"),
        "headers": headers(status),
        "content": {
            "application/problem+json": {"schema": {"allOf": [problem, these]}},
        },
    })
}

/// The headers of an answer that mean something to its client.
fn headers(status: StatusCode) -> Value {
    let text = |about: &str, is_required: bool| json!({"description": about, "required": is_required, "schema": {"type": "string"}});
    // A connection that is refused, or a request that cannot be read, has no id.
    let has_id = ![400, 414, 429, 431].contains(&status.as_u16());
    let mut headers = json!({
        "X-Request-Id": text(
            "The id of the request, which the server's log shows too. It is the client's own, if it \
             sent one of up to 64 letters, digits and `-_.:`",
            has_id
        ),
    });
    match status {
        StatusCode::UNAUTHORIZED => {
            headers["WWW-Authenticate"] = text("Always `Bearer`", true);
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            headers["Retry-After"] = json!({
                "description": "After how many seconds to retry",
                "required": status == StatusCode::TOO_MANY_REQUESTS,
                "schema": {"type": "integer", "minimum": 0},
            });
        }
        _ => {}
    }
    headers
}
