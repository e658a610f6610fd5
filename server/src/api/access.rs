//! Who may call the API: extractors that check the caller's token, and then wait for a place among
//! the calls that cost as much.
//!
//! Each handler under `/api` takes one of them as its first argument, which
//! [`ApiRoutes`](super::ApiRoutes) requires. So the token is checked before anything else of the
//! request is read, and a handler without the check does not compile.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use super::cost::{Cost, CostClass};
use super::params::Params;
use super::places::Place;
use crate::app::App;
use crate::http::credentials;
use crate::http::problem::Problem;
use crate::keys::keyring::{HeldKey, Keyring};
use crate::store::KeyKind;

/// The caller has an admin or viewer token: it may read.
#[derive(Debug)]
pub struct Reader<C> {
    pub(super) token: Arc<HeldKey>,
    /// The place of the call, which ends with it.
    pub(super) place: Place,
    cost: PhantomData<C>,
}

/// The caller has an admin token: it may read and make changes.
#[derive(Debug)]
pub struct Admin<C> {
    pub(super) token: Arc<HeldKey>,
    _place: Place,
    cost: PhantomData<C>,
}

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
    /// Which places its calls take.
    const CLASS: CostClass;
}

impl<C: Cost> Caller for Reader<C> {
    const ACCESS: Access = Access::Reader;
    const CLASS: CostClass = C::CLASS;
}

impl<C: Cost> Caller for Admin<C> {
    const ACCESS: Access = Access::Admin;
    const CLASS: CostClass = C::CLASS;
}

impl<C: Cost> FromRequestParts<Arc<App>> for Reader<C> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let token = CheckedCaller::check(&app.keyring, parts)?;
        check_params(parts)?;
        let place = app.places.take(C::CLASS, &token.key.id).await?;
        Ok(Self { token, place, cost: PhantomData })
    }
}

impl<C: Cost> FromRequestParts<Arc<App>> for Admin<C> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let held = CheckedCaller::check(&app.keyring, parts)?;
        if held.key.kind == KeyKind::Admin {
            check_params(parts)?;
            let place = app.places.take(C::CLASS, &held.key.id).await?;
            return Ok(Self { token: held, _place: place, cost: PhantomData });
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

/// Marks, in the extensions of a request, that its handler takes no query parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct NoParams;

/// Refuses query parameters that no argument of the handler will look at.
fn check_params(parts: &Parts) -> Result<(), Problem> {
    match parts.extensions.get() {
        Some(NoParams) => Params::read(parts.uri.query())?.finish(&[]),
        None => Ok(()),
    }
}

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
