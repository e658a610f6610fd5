//! Every code of a problem that `lamplight serve` answers.

/// A kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProblemKind {
    /// Its code, which stays the same.
    pub code: &'static str,
    /// The HTTP status of its answers.
    pub status: u16,
    /// Why it occurs, and what to do about it.
    pub meaning: &'static str,
}

impl ProblemKind {
    /// The kind with this code.
    pub(super) fn find(code: &str) -> Option<&'static Self> {
        PROBLEMS.iter().find(|kind| kind.code == code)
    }
}

const fn kind(status: u16, code: &'static str, meaning: &'static str) -> ProblemKind {
    ProblemKind { code, status, meaning }
}

/// Problems that any request can get, before or after its handler runs.
pub const ANYWHERE: &[&str] = &[
    "request_invalid",
    "host_invalid",
    "https_required",
    "body_length_unclear",
    "address_too_long",
    "too_many_connections",
    "headers_too_large",
    "internal",
    "request_pipelined",
];

/// Problems that any operation with a body can get.
pub(super) const OF_BODIES: &[&str] = &["body_cut", "body_timeout", "body_too_large", "overloaded"];

/// Every kind of problem, by status.
pub const PROBLEMS: &[ProblemKind] = &[
    kind(400, "request_invalid", "The request is not valid HTTP/1.1."),
    kind(400, "host_invalid", "The request has no `Host` header, several, or an invalid one."),
    kind(400, "https_required", "The port speaks HTTPS, and the request came without TLS."),
    kind(
        400,
        "body_length_unclear",
        "The request has both `Content-Length` and `Transfer-Encoding`, or an encoding other than \
         `chunked`.",
    ),
    kind(
        400,
        "http_version_too_old",
        "HTTP/1.0 has no end of an answer of unknown length, so a part would look like the whole. Use \
         HTTP/1.1.",
    ),
    kind(400, "path_invalid", "The path is not UTF-8 after percent-decoding."),
    kind(400, "parameter_unknown", "A query parameter is unknown, for example misspelled."),
    kind(
        400,
        "parameter_invalid",
        "A parameter has a value that it cannot have, is missing, or is there twice.",
    ),
    kind(400, "body_cut", "The connection ended before the whole body arrived. Retry."),
    kind(400, "body_invalid", "The body is not the JSON object that this call expects."),
    kind(400, "key_invalid", "A field of the key has a value that it cannot have."),
    kind(400, "sql_invalid", "The database does not accept the statement."),
    kind(400, "body_not_decompressible", "The body is not valid in its `Content-Encoding`."),
    kind(400, "body_not_json", "The body is not JSON in UTF-8."),
    kind(400, "body_not_events", "The body is JSON, but contains no events."),
    kind(401, "token_missing", "The request has no token."),
    kind(401, "token_unknown", "The token is unknown or deleted."),
    kind(401, "key_missing", "The request has no key."),
    kind(401, "key_unknown", "The key is unknown or deleted."),
    kind(
        403,
        "cross_origin",
        "A page of another origin tried to make a change with the console's session.",
    ),
    kind(403, "token_disabled", "The token is disabled."),
    kind(403, "token_wrong_kind", "The token is a key, which can only send events."),
    kind(403, "token_read_only", "The token can only read, and this call needs an admin token."),
    kind(403, "key_disabled", "The key is disabled."),
    kind(403, "key_wrong_kind", "The key is of another kind than this address needs."),
    kind(403, "origin_not_allowed", "The key is restricted to pages of other origins."),
    kind(403, "sql_not_read_only", "The statement does more than read."),
    kind(404, "not_found", "Nothing has this address, id or name."),
    kind(405, "method_not_allowed", "The address has no such method. `Allow` lists those it has."),
    kind(408, "body_timeout", "The body arrived too slowly. Retry, with less in one request."),
    kind(409, "key_in_use", "The token would disable itself. Use another admin token."),
    kind(409, "views_full", "The page of the console has too many saved views. Delete one."),
    kind(410, "removed", "Retention has deleted the event."),
    kind(413, "body_too_large", "The body is larger than this address accepts."),
    kind(413, "body_too_large_decompressed", "The decompressed body is too large. Send less."),
    kind(413, "too_many_events", "The body has too many events. Send fewer in one request."),
    kind(414, "address_too_long", "The address of the request is too long."),
    kind(415, "content_type_unsupported", "The `Content-Type` is missing or not one of JSON."),
    kind(415, "content_encoding_unsupported", "The `Content-Encoding` is unknown."),
    kind(422, "sql_too_slow", "The statement ran for too long and was stopped."),
    kind(
        422,
        "sql_too_large",
        "The statement needs too much memory or space, or returns too much.",
    ),
    kind(429, "rate_limited", "The key sends more than it may. Retry after `Retry-After` seconds."),
    kind(
        429,
        "too_many_connections",
        "The client's address has too many connections. Retry after `Retry-After` seconds.",
    ),
    kind(431, "headers_too_large", "The headers are larger than 32 KiB, or more than 100."),
    kind(500, "internal", "An error of the server. Its log shows the cause under the request id."),
    kind(501, "script_not_built", "This binary was built without the script."),
    kind(
        503,
        "request_pipelined",
        "The request arrived before the one before it had ended. Retry.",
    ),
    kind(503, "overloaded", "The server receives or writes too much. Retry later."),
    kind(503, "busy", "Too many calls of this kind run and wait. Retry later."),
    kind(503, "not_readable", "The database cannot be used at the moment. Retry later."),
    kind(503, "too_slow", "The read took too long and was stopped. Select less, or retry later."),
    kind(503, "not_writable", "The server cannot write to its database. Retry later."),
    kind(503, "shutting_down", "The server is shutting down. Retry later."),
    kind(503, "disk_low", "The server's disk is nearly full. Retry later."),
    kind(
        503,
        "source_over_share",
        "The disk is nearly full, and the source sent much. Retry later.",
    ),
    kind(
        503,
        "sql_not_set_up",
        "An operator has to set up what runs statements first. `detail` says how.",
    ),
    kind(503, "not_ready", "The server does not accept events. `detail` says why."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_listed_once_and_in_the_order_of_its_status() {
        for (index, kind) in PROBLEMS.iter().enumerate() {
            assert_eq!(PROBLEMS.iter().filter(|it| it.code == kind.code).count(), 1, "{kind:?}");
            assert!(index == 0 || PROBLEMS[index - 1].status <= kind.status, "{kind:?}");
        }
        for code in ANYWHERE.iter().chain(OF_BODIES) {
            assert!(ProblemKind::find(code).is_some(), "{code}");
        }
    }
}
