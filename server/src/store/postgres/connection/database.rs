//! A database: a pool of connections, and whether it takes writes.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicI32, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deadpool_postgres::{Object, Transaction};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{
    AsyncMessage, Client, Config, Connection, IsolationLevel, Notification, Socket,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::advice::connecting_failed;
use super::borrowed::{Borrowed, Trust};
use super::failure::Failure;
use super::link::{CONNECTIONS_MAX, Link, SETUP};
use super::open_error::OpenError;
use super::url::DatabaseUrl;
use crate::store::StoreError;
use crate::store::postgres::clock::DatabaseClock;
use crate::store::postgres::partitions::Partitions;
use crate::store::postgres::shards::hidden;
use crate::system::supervisor::Supervisor;

/// How long one of ours is waited for while others have all connections of the database.
const CROWDED_MAX: Duration = Duration::from_secs(5);
const CROWDED_AGAIN: Duration = Duration::from_millis(200);
/// How long a transaction may take. The database ends its statements before that, unless the
/// network swallows them.
const TRANSACTION_MAX: Duration = Duration::from_mins(1);
/// How often work is done again that was in the way of other work.
const CONFLICTS_MAX: u32 = 20;
/// How often work is done again whose connection broke before anything was committed.
const BREAKS_MAX: u32 = 2;

/// What TLS makes of a stream.
type TlsStream<S> = <MakeRustlsConnect as MakeTlsConnect<S>>::Stream;
type Stream = TlsStream<Socket>;

/// Work in one transaction.
pub(crate) type Work<'t, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 't>>;

/// A database.
pub(crate) struct Database {
    /// Nobody can work with one that has none yet.
    link: OnceLock<Link>,
    candidate: DatabaseUrl,
    /// Its clock.
    pub(crate) clock: Arc<DatabaseClock>,
    trust: Trust,
    is_up: watch::Sender<bool>,
    is_closed: watch::Sender<bool>,
    closed_halves: AtomicU8,
    pub(crate) partitions: Partitions,
}

/// Those who share a database. It is closed once both are done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    /// Payloads.
    Payloads = 1,
    /// Everything else.
    Store = 2,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("url", self.url()).finish_non_exhaustive()
    }
}

impl Database {
    /// Connects.
    ///
    /// # Errors
    /// [`OpenError::Connect`], when no connection can be made.
    pub(crate) async fn connect(url: &DatabaseUrl, _: &Supervisor) -> Result<Self, OpenError> {
        let database = Self::unlinked(url, true);
        database.link(url)?;
        match database.client().await {
            Ok(_) => Ok(database),
            Err(failure) => Err(connecting_failed(url, &failure)),
        }
    }

    /// One that is down until it is linked. This URL may be the one that leads there.
    pub(crate) fn absent(candidate: &DatabaseUrl) -> Self {
        Self::unlinked(candidate, false)
    }

    fn unlinked(candidate: &DatabaseUrl, is_up: bool) -> Self {
        Self {
            link: OnceLock::new(),
            candidate: candidate.clone(),
            clock: Arc::default(),
            trust: Trust::default(),
            is_up: watch::Sender::new(is_up),
            is_closed: watch::Sender::new(false),
            closed_halves: AtomicU8::new(0),
            partitions: Partitions::default(),
        }
    }

    /// Says where it is. Only the first time counts.
    ///
    /// # Errors
    /// [`OpenError`], when TLS cannot be set up.
    pub(crate) fn link(&self, url: &DatabaseUrl) -> Result<(), OpenError> {
        let link = Link::new(url, &self.trust)?;
        self.link.get_or_init(|| link);
        Ok(())
    }

    fn linked(&self) -> Result<&Link, Failure> {
        let absent = || Failure::NoConnection("it was down when this server started".to_owned());
        self.link.get().ok_or_else(absent)
    }

    /// A connection of the pool. While the database has none left for another, one of those that
    /// are open is waited for.
    pub(crate) async fn client(&self) -> Result<Object, Failure> {
        let (begun, pool) = (Instant::now(), &self.linked()?.pool);
        loop {
            let failure = match pool.get().await {
                Ok(client) => return Ok(client),
                Err(error) => Failure::from(error),
            };
            let may_come = failure.is_crowded() && pool.status().size > 0;
            if !may_come || begun.elapsed() > CROWDED_MAX {
                return Err(failure);
            }
            tokio::time::sleep(CROWDED_AGAIN).await;
        }
    }

    /// A connection of its own, for whoever keeps one. Its task ends with it.
    pub(crate) async fn dedicated(&self) -> Result<Client, Failure> {
        let (client, connection) = self.connected().await?;
        Handle::current().spawn(async move {
            // Whoever uses the client learns of its end.
            drop(connection.await);
        });
        client.batch_execute(SETUP).await.map_err(Failure::Connect)?;
        Ok(client)
    }

    /// A new connection beside the pool. While the database has none left, the pool makes room:
    /// what it does can wait, and others would not get one back.
    async fn connected(&self) -> Result<(Client, Connection<Socket, Stream>), Failure> {
        let (begun, Link { pool, url, tls }) = (Instant::now(), self.linked()?);
        loop {
            let connecting = url.config().connect(tls.clone()).await;
            let failure = match connecting.map_err(Failure::Connect) {
                Ok(connected) => return Ok(connected),
                Err(failure) => failure,
            };
            let open = pool.status().size;
            if !failure.is_crowded() || open == 0 || begun.elapsed() > CROWDED_MAX {
                return Err(failure);
            }
            pool.resize(open - 1);
            tokio::time::sleep(CROWDED_AGAIN).await;
        }
    }

    /// Lets the pool grow again that has made room.
    pub(super) fn widen(&self) {
        if let Some(link) = self.link.get() {
            link.pool.resize(CONNECTIONS_MAX);
        }
    }

    /// A connection of its own that hears notices. Each is given to `hear`, with the process of
    /// this connection in the database.
    pub(crate) async fn listening(
        &self,
        hear: impl Fn(&Notification, i32) + Send + 'static,
    ) -> Result<Client, Failure> {
        let (client, mut connection) = self.connected().await?;
        let process = Arc::new(AtomicI32::new(0));
        let own = Arc::clone(&process);
        Handle::current().spawn(async move {
            // Whoever uses the client learns of its end.
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await
            {
                if let AsyncMessage::Notification(notice) = message {
                    hear(&notice, own.load(Ordering::Acquire));
                }
            }
        });
        client.batch_execute(SETUP).await?;
        let row = client.query_one("SELECT pg_backend_pid()", &[]).await?;
        process.store(row.try_get(0)?, Ordering::Release);
        Ok(client)
    }

    /// Its URL. Without a link, it may be that of another database that is down.
    pub(crate) fn url(&self) -> &DatabaseUrl {
        self.link.get().map_or(&self.candidate, |link| &link.url)
    }

    /// A connection with other settings, over a stream to the host that is named, or to a socket.
    pub(crate) async fn connect_over<S>(
        &self,
        config: &Config,
        stream: S,
        host: Option<&str>,
    ) -> Result<(Client, Connection<S, TlsStream<S>>), Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut config = config.clone();
        if host.is_none() {
            config.ssl_mode(SslMode::Disable);
        }
        let mut tls = self.linked()?.tls.clone();
        let tls = MakeTlsConnect::<S>::make_tls_connect(&mut tls, host.unwrap_or("localhost"));
        let tls = tls.map_err(|error| Failure::NoConnection(error.to_string()))?;
        Ok(config.connect_raw(stream, tls).await?)
    }

    /// Does work in one transaction and commits it. Work that was in the way of other work is done
    /// again, so it must have no effects but those on the database.
    pub(crate) async fn transact<T: Send>(
        &self,
        doing: &'static str,
        work: impl for<'t> Fn(&'t Transaction<'_>) -> Work<'t, T> + Send + Sync,
    ) -> Result<T, StoreError> {
        self.transaction(work).await.map_err(|failure| self.failed(failure, doing))
    }

    /// The same, with the failure as it is.
    pub(crate) async fn transaction<T: Send>(
        &self,
        work: impl for<'t> Fn(&'t Transaction<'_>) -> Work<'t, T> + Send + Sync,
    ) -> Result<T, Failure> {
        let (mut conflicts, mut breaks) = (0, 0);
        loop {
            let failure = match self.attempt(&work).await {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            if failure.is_conflict() && conflicts < CONFLICTS_MAX {
                conflicts += 1;
                self.partitions.forget();
                tokio::time::sleep(Duration::from_millis(u64::from(conflicts * 3))).await;
            } else if failure.is_of_connection() && breaks < BREAKS_MAX {
                breaks += 1;
            } else {
                return Err(failure);
            }
            tracing::debug!(%failure, conflicts, breaks, "a transaction is done again");
        }
    }

    async fn attempt<T: Send>(
        &self,
        work: &(impl for<'t> Fn(&'t Transaction<'_>) -> Work<'t, T> + Send + Sync),
    ) -> Result<T, Failure> {
        let mut client = Borrowed::new(self.client().await?, &self.trust);
        let doing = async {
            let transaction = client.transaction().await?;
            let done = work(&transaction).await?;
            transaction.commit().await.map_err(Failure::of_commit)?;
            Ok(done)
        };
        let done = match tokio::time::timeout(TRANSACTION_MAX, doing).await {
            Ok(done) => done,
            Err(_) => Err(Failure::NoConnection(format!("no answer within {TRANSACTION_MAX:?}"))),
        };
        client.give_back(done)
    }

    /// Reads on one connection, in one snapshot.
    pub(crate) async fn read<T: Send>(
        &self,
        doing: &'static str,
        work: impl for<'t> FnOnce(&'t Transaction<'_>) -> Work<'t, T> + Send,
    ) -> Result<T, StoreError> {
        let read = self.snapshot(work).await;
        read.map_err(|failure| self.failed(failure, doing))
    }

    async fn snapshot<T: Send>(
        &self,
        work: impl for<'t> FnOnce(&'t Transaction<'_>) -> Work<'t, T> + Send,
    ) -> Result<T, Failure> {
        let mut breaks = 0;
        loop {
            let mut client = Borrowed::new(self.client().await?, &self.trust);
            let done = {
                let begun = client
                    .build_transaction()
                    .isolation_level(IsolationLevel::RepeatableRead)
                    .read_only(true)
                    .start()
                    .await
                    .map_err(Failure::from);
                match begun {
                    // Another connection may work.
                    Err(failure) if failure.is_of_connection() && breaks < BREAKS_MAX => {
                        breaks += 1;
                        continue;
                    }
                    Err(failure) => Err(failure),
                    Ok(snapshot) => {
                        let reading = async {
                            hidden::check_epoch(&snapshot).await?;
                            let read = work(&snapshot).await?;
                            snapshot.commit().await?;
                            Ok(read)
                        };
                        reading.await
                    }
                }
            };
            return client.give_back(done);
        }
    }

    /// What storage answers after a failure, which may be that of the database.
    pub(crate) fn failed(&self, failure: Failure, doing: &'static str) -> StoreError {
        if failure.is_outage() && !failure.is_crowded() {
            self.set_up(false);
        }
        failure.while_doing(doing)
    }

    /// Whether it took the last write or answered the last question.
    pub(crate) fn is_up(&self) -> bool {
        *self.is_up.borrow() && !self.is_closed()
    }

    /// Says whether it works. Returns whether that is new.
    pub(super) fn set_up(&self, is_up: bool) -> bool {
        self.is_up.send_if_modified(|it| std::mem::replace(it, is_up) != is_up)
    }

    /// Waits until it is found not to work.
    pub(super) async fn is_down(&self) {
        // An error means that there is no sender, which `self` holds.
        drop(self.is_up.subscribe().wait_for(|is_up| !is_up).await);
    }

    /// Whether it was closed.
    pub(crate) fn is_closed(&self) -> bool {
        *self.is_closed.borrow()
    }

    /// Waits until it is closed.
    pub(super) async fn closed(&self) {
        drop(self.is_closed.subscribe().wait_for(|is_closed| *is_closed).await);
    }

    /// Closes the connections, unless the other half still needs them.
    pub(crate) fn close_half(&self, half: Half) {
        let closed = self.closed_halves.fetch_or(half as u8, Ordering::AcqRel) | half as u8;
        if closed == Half::Payloads as u8 | Half::Store as u8 {
            self.close();
        }
    }

    /// Closes the connections.
    pub(crate) fn close(&self) {
        self.is_closed.send_replace(true);
        if let Some(link) = self.link.get() {
            link.pool.close();
        }
    }
}
