//! How a database is reached: its URL, and a pool of connections.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::borrowed::Trust;
use super::open_error::OpenError;
use super::tls;
use super::url::DatabaseUrl;

/// The most connections of the pool. The writer of payloads and the watch have their own beside
/// them.
pub(crate) const CONNECTIONS_MAX: usize = 16;
/// How long a connection is waited for.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// What every connection is told first. Statements are short and go along indexes, so compiling
/// them costs more than it saves, and a random page costs about what the next one does, as on disks
/// without moving parts. A statement that hangs ends, and so does a transaction that this process,
/// frozen, does not go on with: both may hold what other servers need. Those wait for a lock longer
/// than such a transaction lasts, so that they need not begin again. A transaction of a process
/// that is gone ends too, which Linux can tell. A commit waits for the disk, whatever the
/// database's configuration says.
pub(super) const SETUP: &str = "SET search_path = lamplight; SET lamplight.shards = 'known'; SET TimeZone = 'UTC'; \
     SET statement_timeout = '30s'; \
     SET idle_in_transaction_session_timeout = '10s'; SET lock_timeout = '20s'; SET jit = off; SET random_page_cost = 1.1; \
     SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'; \
     SELECT set_config('client_connection_check_interval', '2s', false) \
       WHERE current_setting('server_version_num')::integer >= 140000 AND version() ~ 'linux'";

/// How a database is reached.
pub(super) struct Link {
    pub(super) pool: Pool,
    pub(super) url: DatabaseUrl,
    pub(super) tls: MakeRustlsConnect,
}

impl Link {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// [`OpenError`], when TLS cannot be set up.
    pub(super) fn new(url: &DatabaseUrl, trust: &Trust) -> Result<Self, OpenError> {
        let tls = tls::connector(url)?;
        let recycling_method = RecyclingMethod::Fast;
        let manager = Manager::from_config(
            url.config().clone(),
            tls.clone(),
            ManagerConfig { recycling_method },
        );
        let timeouts =
            Timeouts { wait: Some(WAIT_MAX), create: Some(WAIT_MAX), recycle: Some(WAIT_MAX) };
        let setup = Hook::async_fn(|client, _| {
            Box::pin(async move { client.batch_execute(SETUP).await.map_err(HookError::Backend) })
        });
        let trusted = trust.clone();
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS_MAX)
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            .post_create(setup)
            .pre_recycle(Hook::sync_fn(move |_, metrics| trusted.check(metrics)))
            .build()
            .map_err(|error| OpenError::Prepare { source: Arc::new(error) })?;
        Ok(Self { pool, url: url.clone(), tls })
    }
}
