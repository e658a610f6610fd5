//! Requests to the server's own HTTP API.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The server's secret key.
pub(crate) const SECRET_KEY: &str = "sk_bench0000000000000000000000000";
/// The server's admin token.
pub(crate) const ADMIN_TOKEN: &str = "at_bench0000000000000000000000000";

/// Sends one request with the admin token, or with the secret key for events, on its own
/// connection.
pub(crate) async fn call(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: &str,
) -> Result<Value> {
    let token = if path.starts_with("/v1/") { SECRET_KEY } else { ADMIN_TOKEN };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) =
        answer.split_once("\r\n\r\n").context("the answer has no end of its head")?;
    if !head.starts_with("HTTP/1.1 200") {
        bail!("{method} {path} was answered with {answer}");
    }
    Ok(serde_json::from_str(body)?)
}
