//! Who may call the API: extractors that check the caller's token, and then wait for a place among
//! the calls that cost as much.
//!
//! Each handler under `/api` takes one of them as its first argument, which
//! [`ApiRoutes`](super::ApiRoutes) requires. So the token is checked before anything else of the
//! request is read, and a handler without the check does not compile.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;

use super::cost::{Cost, CostClass};
use super::params::Params;
use super::places::Place;
use crate::app::App;
use crate::http::problem::Problem;
use crate::http::{credentials, same_origin, session_cookie};
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
        let token = CheckedCaller::check(app, parts).await?;
        check_params(parts)?;
        let place = app.places.take(C::CLASS, &token.key.id).await?;
        Ok(Self { token, place, cost: PhantomData })
    }
}

impl<C: Cost> FromRequestParts<Arc<App>> for Admin<C> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let held = CheckedCaller::check(app, parts).await?;
        check_admin(&held)?;
        check_params(parts)?;
        let place = app.places.take(C::CLASS, &held.key.id).await?;
        Ok(Self { token: held, _place: place, cost: PhantomData })
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
    async fn check(app: &App, parts: &mut Parts) -> Result<Arc<HeldKey>, Problem> {
        let held = match credentials::bearer(&parts.headers) {
            Some(token) => find_token(&app.keyring, token)?,
            None => find_session(app, parts).await?,
        };
        check_kind(&held)?;
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

/// The token of the session that the caller is signed in with, in the console.
async fn find_session(app: &App, parts: &Parts) -> Result<Arc<HeldKey>, Problem> {
    let session = match session_cookie::read(&parts.headers) {
        Some(secret) => app.shared_sessions.find(secret, app.clock.now_ms()).await,
        None => None,
    };
    let signed_in = session.and_then(|session| app.keyring.find_id(&session.key_id));
    let Some(held) = signed_in else {
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "token_missing",
            "missing token: send an admin or viewer token as `Authorization: Bearer …`. The server \
             printed an admin token when it first started",
        ));
    };
    if same_origin::is_safe(&parts.method) || same_origin::is_from_here(&parts.headers) {
        return Ok(held);
    }
    Err(cross_origin())
}

/// Another page tries to use the session of the console.
pub(crate) fn cross_origin() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "cross_origin",
        "this change does not come from a page of this server: with a session of the console, only \
         the console itself may make changes. Use an admin token as `Authorization: Bearer …`",
    )
}

fn find_token(keyring: &Keyring, token: &str) -> Result<Arc<HeldKey>, Problem> {
    keyring.find(token).ok_or_else(|| {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "token_unknown",
            format!(
                "unknown or deleted token `{}`: use a token of this server. It printed an admin \
                 token when it first started",
                credentials::redacted(token)
            ),
        )
    })
}

/// Whether a key is a token that can be used.
///
/// # Errors
/// A 403.
pub(crate) fn check_kind(held: &HeldKey) -> Result<(), Problem> {
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
        return Ok(());
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

/// Whether a token may make changes.
///
/// # Errors
/// A 403.
pub(crate) fn check_admin(held: &HeldKey) -> Result<(), Problem> {
    if held.key.kind == KeyKind::Admin {
        return Ok(());
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
