//! Who may call the API: extractors that check the caller's token.
//!
//! Each handler under `/api` takes one of them as its first argument, which
//! [`ApiRoutes`](super::ApiRoutes) requires. So the token is checked before anything else of the
//! request is read, and a handler without the check does not compile.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use crate::app::App;
use crate::http::credentials;
use crate::http::problem::Problem;
use crate::keys::keyring::{HeldKey, Keyring};
use crate::store::KeyKind;

/// The caller has an admin or viewer token: it may read.
#[derive(Debug)]
pub struct Reader(pub(super) Arc<HeldKey>);

/// The caller has an admin token: it may read and make changes.
#[derive(Debug)]
pub struct Admin(pub(super) Arc<HeldKey>);

/// Which token a route requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// An admin or viewer token.
    Reader,
    /// An admin token.
    Admin,
}

/// An extractor that checks the caller's token.
pub trait Caller {
    /// Which token it requires.
    const ACCESS: Access;
}

impl Caller for Reader {
    const ACCESS: Access = Access::Reader;
}

impl Caller for Admin {
    const ACCESS: Access = Access::Admin;
}

impl FromRequestParts<Arc<App>> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        CheckedCaller::check(&app.keyring, parts).map(Self)
    }
}

impl FromRequestParts<Arc<App>> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let held = CheckedCaller::check(&app.keyring, parts)?;
        if held.key.kind == KeyKind::Admin {
            return Ok(Self(held));
        }
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "token_read_only",
            format!(
                "token {} can only read: use an admin token ({}…) for this call",
                held.key.id,
                KeyKind::Admin.prefix()
            ),
        ))
    }
}

/// The caller of a request whose token was checked, in its extensions. Bodies are received in its
/// name.
#[derive(Debug, Clone)]
pub(super) struct CheckedCaller(Arc<HeldKey>);

#[derive(Debug, thiserror::Error)]
#[error("receive a body, because nothing has checked the caller's token")]
struct CallerNotChecked;

impl CheckedCaller {
    fn check(keyring: &Keyring, parts: &mut Parts) -> Result<Arc<HeldKey>, Problem> {
        let held = check_token(keyring, &parts.headers)?;
        parts.extensions.insert(Self(Arc::clone(&held)));
        Ok(held)
    }

    pub(super) fn of(head: &Parts) -> Result<&Self, Problem> {
        head.extensions.get().ok_or_else(|| Problem::internal(&CallerNotChecked))
    }

    pub(super) fn key(&self) -> &HeldKey {
        &self.0
    }
}

fn check_token(keyring: &Keyring, headers: &HeaderMap) -> Result<Arc<HeldKey>, Problem> {
    let Some(token) = credentials::bearer(headers) else {
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "token_missing",
            "missing token: send an admin or viewer token as `Authorization: Bearer …`. The server \
             printed an admin token when it first started",
        ));
    };
    let Some(held) = keyring.find(token) else {
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "token_unknown",
            format!(
                "unknown or deleted token `{}`: use a token of this server. It printed an admin \
                 token when it first started",
                credentials::redacted(token)
            ),
        ));
    };
    let id = &held.key.id;
    if held.key.disabled_ms.is_some() {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "token_disabled",
            format!(
                "disabled token {id}: use another token, or enable it with PATCH /api/keys/{id} \
                 and an admin token"
            ),
        ));
    }
    if matches!(held.key.kind, KeyKind::Admin | KeyKind::Viewer) {
        return Ok(held);
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "token_wrong_kind",
        format!(
            "wrong kind of key: {id} is a {} key, which can only send events. Use an admin token \
             ({}…) or a viewer token ({}…)",
            held.key.kind.name(),
            KeyKind::Admin.prefix(),
            KeyKind::Viewer.prefix()
        ),
    ))
}
