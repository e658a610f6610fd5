//! The API over a data directory that no server uses, in this process.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tower::ServiceExt;

use super::answer::{Answer, Chunks};
use super::place::Need;
use super::{Call, ClientError, Token};
use crate::config::Config;
use crate::home::Home;
use crate::keys::bootstrap::new_text;
use crate::process::{ProcessError, Replayer};
use crate::router;
use crate::server::Server;
use crate::store::Opening;
use crate::store::{Key, KeyKind};
use crate::system::supervisor::Supervisor;

/// How long to wait for something to replay.
const IDLE: Duration = Duration::from_millis(50);

/// Why a replay in this process has failed.
type Failure = Arc<Mutex<Option<ProcessError>>>;

/// A data directory, opened and locked, or a database, with the API of the server over it.
pub struct Directory {
    server: Server,
    router: Router,
    token: Token,
    stop: watch::Sender<bool>,
    failure: Failure,
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Directory").field("home", self.server.home()).finish_non_exhaustive()
    }
}

impl Directory {
    /// Opens the databases in `home`, as far as the command needs them. Its token is valid in this
    /// process only.
    ///
    /// # Errors
    /// [`ClientError`], for [`Need::Read`] also when an earlier version wrote the databases.
    pub(super) async fn open(config: &Config, home: Home, need: Need) -> Result<Self, ClientError> {
        let opening = match need {
            Need::Read | Need::Live(_) => Opening::Read,
            Need::Change => Opening::Change,
            Need::Replay => Opening::Serve(config.routes()),
        };
        let server = Server::open_as(config, home, opening, Supervisor::default()).await?;
        let app = Arc::new(server.app(server.storage.keys.list().await?, [], &[]));
        let text = new_text(KeyKind::Admin, &*server.entropy)?;
        app.keyring.lend(Key::new(KeyKind::Admin, "command", &text, server.clock.now_ms()));
        // Only `top` shows it.
        let _ = app.disk.measure(server.clock.now_ms());
        let router = router::router(&app, None);
        let (stop, stopped) = watch::channel(false);
        let failure = Arc::default();
        if need == Need::Replay {
            let replaying = replay(server.replayer(), stopped, Arc::clone(&failure));
            server.supervisor.spawn("replayer", &Handle::current(), replaying);
        }
        let token = Token::new(&text, "this process")?;
        Ok(Self { server, router, token, stop, failure })
    }

    pub(super) async fn send(&self, call: Call) -> Result<Answer, ClientError> {
        if let Some(error) = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error.into());
        }
        let Call { method, target, headers, body } = call;
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = method;
        let unusable = || ClientError::Client(format!("`{target}` is no path"));
        *request.uri_mut() = target.parse().map_err(|_| unusable())?;
        *request.headers_mut() = headers;
        let headers = request.headers_mut();
        headers.insert(HOST, http::HeaderValue::from_static("localhost"));
        headers.insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        headers.insert(AUTHORIZATION, self.token.authorization.clone());
        let answered = self.router.clone().oneshot(request).await;
        let (head, body) = answered.unwrap_or_else(|never| match never {}).into_parts();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            chunks: Chunks::Local(body),
            token_origin: self.token.origin.clone(),
        })
    }

    /// Ends what runs, and closes the databases.
    pub(super) async fn close(&self) -> Result<(), ClientError> {
        self.server.supervisor.begin_shutdown();
        self.stop.send_replace(true);
        self.server.supervisor.finished().await;
        Ok(self.server.close().await?)
    }
}

/// Replays what was requested, also while payloads wait: nothing else processes them here.
async fn replay(replayer: Replayer, mut stop: watch::Receiver<bool>, failure: Failure) {
    while !*stop.borrow() {
        let is_busy = replayer.round().await.unwrap_or_else(|error| {
            *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            false
        });
        if !is_busy {
            tokio::select! {
                () = tokio::time::sleep(IDLE) => {}
                _ = stop.changed() => {}
            }
        }
    }
}
