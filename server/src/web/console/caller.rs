//! Extractors of who uses the console. As in the API, a call waits for a place among those that
//! cost as much, and its class of cost is part of the handler's signature.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::Uri;
use http::request::Parts;

use super::frame::Frame;
use super::signing_in::SignedIn;
use crate::api::cost::Cost;
use crate::api::{Place, check_admin};
use crate::app::App;
use crate::http::problem::Problem;
use crate::keys::keyring::HeldKey;

/// Someone who may look.
pub(super) struct Viewer<C> {
    pub(super) held: Arc<HeldKey>,
    /// The place of the call, which ends with it.
    pub(super) place: Place,
    app: Arc<App>,
    uri: Uri,
    cost: PhantomData<C>,
}

/// Someone who may also make changes.
pub(super) struct Operator<C>(pub(super) Viewer<C>);

impl<C: Cost> Viewer<C> {
    /// What surrounds a page that has no twin in JSON.
    pub(super) fn frame_alone(&self, path: &'static str) -> Option<Frame> {
        Some(Frame::new(&self.app, &self.held, path, None))
    }

    /// What surrounds a page. `path` is that of the page's entry in the menu.
    pub(super) fn frame(&self, path: &'static str) -> Option<Frame> {
        Some(Frame::new(&self.app, &self.held, path, Some(&self.uri)))
    }
}

impl<C: Cost> FromRequestParts<Arc<App>> for Viewer<C> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let signed_in = parts.extensions.get::<SignedIn>();
        let held = Arc::clone(&signed_in.ok_or_else(|| Problem::internal(&NotBehindSignIn))?.held);
        let place = app.places.take(C::CLASS, &held.key.id).await?;
        let uri = parts.uri.clone();
        Ok(Self { held, place, app: Arc::clone(app), uri, cost: PhantomData })
    }
}

impl<C: Cost> FromRequestParts<Arc<App>> for Operator<C> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let viewer = Viewer::from_request_parts(parts, app).await?;
        check_admin(&viewer.held)?;
        Ok(Self(viewer))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("show a page, because it is not behind the sign-in")]
struct NotBehindSignIn;
