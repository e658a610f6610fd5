//! The connection of one statement, which takes no more of the answer than fits.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};

use super::refusal::Refused;
use crate::store::SqlQuery;
use crate::store::postgres::connection::database::Database;
use crate::store::postgres::connection::failure::{Failure, described};

/// What an answer may have beside its rows, in bytes.
const OVERHEAD: usize = 4 * 1024 * 1024;
const DEFAULT_PORT: u16 = 5432;

/// How long the request to end a statement may take.
const CANCEL_MAX: Duration = Duration::from_secs(2);

/// A connection, and how much of its answer may still come.
pub(super) struct Connection {
    pub(super) client: Client,
    task: AbortHandle,
    host: Host,
    port: u16,
    left: Arc<AtomicUsize>,
    is_idle: bool,
}

impl Connection {
    /// Whether the answer was larger than it may be.
    pub(super) fn is_over(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }

    /// Ends a connection on which nothing runs.
    pub(super) fn close(mut self) {
        self.is_idle = true;
    }
}

/// Ends the statement, if it still runs, and the connection.
impl Drop for Connection {
    fn drop(&mut self) {
        let (token, task) = (self.client.cancel_token(), self.task.clone());
        let Some(runtime) = Handle::try_current().ok().filter(|_| !self.is_idle) else {
            task.abort();
            return;
        };
        let (host, port) = (self.host.clone(), self.port);
        runtime.spawn(async move {
            // The request has nothing secret, and PostgreSQL takes it without TLS. If it does not
            // arrive, the statement ends once PostgreSQL finds the connection closed.
            let cancel = async {
                let (stream, _) = stream(&host, port).await?;
                token.cancel_query_raw(stream, NoTls).await.map_err(Failure::from)
            };
            drop(tokio::time::timeout(CANCEL_MAX, cancel).await);
            task.abort();
        });
    }
}

/// Connects to the first host that answers.
pub(super) async fn open(
    config: &Config,
    database: &Database,
    query: &SqlQuery,
) -> Result<Connection, Refused> {
    let mut last = Failure::NoConnection("the URL names no host".to_owned());
    for (at, host) in config.get_hosts().iter().enumerate() {
        let ports = config.get_ports();
        let port = ports.get(at).or_else(|| ports.first()).copied().unwrap_or(DEFAULT_PORT);
        match connect(config, host, port, database, query).await {
            Ok(connection) => return Ok(connection),
            Err(failure) => last = failure,
        }
    }
    Err(Refused::Storage(last))
}

async fn connect(
    config: &Config,
    host: &Host,
    port: u16,
    database: &Database,
    query: &SqlQuery,
) -> Result<Connection, Failure> {
    let (stream, name) = stream(host, port).await?;
    // JSON in JSON: each quotation mark takes a second byte, and the text that comes has fewer.
    let left = Arc::new(AtomicUsize::new(query.bytes_max.saturating_add(OVERHEAD)));
    let limited = Limited { stream, left: Arc::clone(&left) };
    let (client, connection) = database.connect_over(config, limited, name).await?;
    let task = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = %described(&error), "the connection of a statement ended");
        }
    });
    let (host, task) = (host.clone(), task.abort_handle());
    Ok(Connection { client, task, host, port, left, is_idle: false })
}

/// A stream to a host, and its name, which a socket has not.
async fn stream(host: &Host, port: u16) -> Result<(Box<dyn Stream>, Option<&str>), Failure> {
    let no_connection = |error: io::Error| Failure::NoConnection(error.to_string());
    match host {
        Host::Tcp(name) => {
            let stream = TcpStream::connect((name.as_str(), port)).await.map_err(no_connection)?;
            stream.set_nodelay(true).map_err(no_connection)?;
            Ok((Box::new(stream), Some(name)))
        }
        #[cfg(unix)]
        Host::Unix(folder) => {
            let path = folder.join(format!(".s.PGSQL.{port}"));
            let stream = tokio::net::UnixStream::connect(path).await.map_err(no_connection)?;
            Ok((Box::new(stream), None))
        }
    }
}

/// A connection to a server.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A stream that ends with an error once it has read too much.
pub(crate) struct Limited {
    stream: Box<dyn Stream>,
    left: Arc<AtomicUsize>,
}

impl AsyncRead for Limited {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let read = buffer.filled().len() - before;
        let left = self.left.load(Ordering::Relaxed).saturating_sub(read);
        self.left.store(left, Ordering::Relaxed);
        if left == 0 {
            return Poll::Ready(Err(io::Error::other("the answer is too large")));
        }
        polled
    }
}

impl AsyncWrite for Limited {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
