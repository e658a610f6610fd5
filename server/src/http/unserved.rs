//! Answers on connections that are not served, and for requests that are one too many.

use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::connections::TooMany;
use super::error_answers;
use super::problem::Problem;

/// How long a client may take to read why it is not served.
const TELLING_TIMEOUT: Duration = Duration::from_secs(1);

/// The answer to a request in plain text on a port for HTTPS.
pub(super) fn https_required() -> Problem {
    let detail = "this port accepts HTTPS only, and the request was sent without TLS: begin the \
                  address with https://";
    Problem::new(StatusCode::BAD_REQUEST, "https_required", detail)
}

/// Sends an answer without having read a request, if the client reads it at once.
pub(super) async fn tell(mut stream: TcpStream, problem: Problem) {
    let answer = error_answers::written(&problem);
    let told = async {
        stream.write_all(&answer).await?;
        stream.shutdown().await?;
        // Without reading the request, the connection would be reset, and the answer lost.
        while stream.read(&mut [0; 4096]).await? > 0 {}
        Ok::<_, std::io::Error>(())
    };
    let _ = tokio::time::timeout(TELLING_TIMEOUT, told).await;
}

impl TooMany {
    /// The answer for a connection or request that is one too many.
    pub(super) fn problem(self) -> Problem {
        let Self { address, connections_max } = self;
        let retry_after_s = Self::retry_after_s();
        let detail = format!(
            "too many connections: {address} uses all {connections_max} that one address may have. \
             Requests at the same time on one connection of HTTP/2 count like connections. Use \
             connections again, and retry after {retry_after_s} s"
        );
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_connections", detail)
            .retry_after_s(retry_after_s)
    }
}
