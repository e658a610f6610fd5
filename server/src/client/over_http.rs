//! The API of a running server, over HTTP.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::redirect::Policy;

use super::answer::{Answer, Chunks};
use super::{Call, ClientError, ServerAddress, Token};
use crate::system::authorities;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a server may take before the next part of an answer. Its slowest reads take 20 s, after
/// they have waited for 10 s.
const SILENCE_MAX: Duration = Duration::from_mins(1);

/// A running server and a token for it.
#[derive(Debug)]
pub struct RemoteServer {
    client: reqwest::Client,
    address: ServerAddress,
    token: Token,
}

impl RemoteServer {
    /// A client for the server at `address`. It trusts Mozilla's roots and the certificates in
    /// `ca_file`, and follows no redirects and no proxies: the token goes to this address only.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn new(
        address: ServerAddress,
        token: Token,
        ca_file: Option<&Path>,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            client: builder(ca_file, SILENCE_MAX)?.build().map_err(unbuilt)?,
            address,
            token,
        })
    }

    /// Its address.
    pub fn address(&self) -> &ServerAddress {
        &self.address
    }

    pub(super) async fn send(&self, call: Call) -> Result<Answer, ClientError> {
        let Call { method, target, mut headers, body } = call;
        headers.insert(AUTHORIZATION, self.token.authorization.clone());
        let mut request = self.client.request(method, self.address.join(&target)).headers(headers);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.send().await.map_err(|error| unreachable(&error, &self.address))?;
        Ok(Answer {
            status: response.status(),
            headers: response.headers().clone(),
            chunks: Chunks::Remote(response),
            token_origin: self.token.origin.clone(),
        })
    }
}

/// An HTTP client for requests without secrets to `address`.
///
/// A connection that does not leave the machine needs no certificate for its address, which no
/// authority gives. With `ca_file`, it is verified, too.
///
/// # Errors
/// [`ClientError`].
pub(crate) fn without_secrets(
    address: &ServerAddress,
    ca_file: Option<&Path>,
    silence_max: Duration,
) -> Result<reqwest::Client, ClientError> {
    builder(ca_file, silence_max)?
        .danger_accept_invalid_certs(ca_file.is_none() && address.is_loopback())
        .build()
        .map_err(unbuilt)
}

/// What builds an HTTP client that waits `silence_max` for each part of an answer.
fn builder(
    ca_file: Option<&Path>,
    silence_max: Duration,
) -> Result<reqwest::ClientBuilder, ClientError> {
    let builder = authorities::trust(reqwest::Client::builder(), ca_file)?;
    Ok(builder
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT.min(silence_max))
        .read_timeout(silence_max)
        .user_agent(concat!("lamplight/", env!("CARGO_PKG_VERSION"))))
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn unbuilt(error: reqwest::Error) -> ClientError {
    ClientError::Client(why(&error))
}

/// What to say when a request got no answer.
pub(crate) fn unreachable(error: &reqwest::Error, address: &ServerAddress) -> ClientError {
    let causes = causes(error);
    let has = |text: &str| causes.iter().any(|cause| cause.contains(text));
    let url = address.to_string();
    let (why, advice) = if has("InvalidContentType") {
        let plain = url.replacen("https://", "http://", 1);
        ("it does not speak TLS".to_owned(), format!("Use --url {plain}"))
    } else if has("UnknownIssuer") || has("invalid peer certificate") {
        let cause = causes.last().cloned().unwrap_or_default();
        (
            format!("its certificate is not trusted ({cause})"),
            "If the certificate is from an authority of your own, name its file with --ca-file"
                .to_owned(),
        )
    } else if has("Connection refused") {
        (
            "no program listens there".to_owned(),
            "Start the server with `lamplight serve`, or name its address with --url".to_owned(),
        )
    } else if error.is_timeout() {
        ("it does not answer".to_owned(), "Check the address, and firewalls on the way".to_owned())
    } else {
        let cause = causes.last().cloned().unwrap_or_default();
        let advice = if address.is_tls() || error.is_connect() {
            "Check the address in --url".to_owned()
        } else {
            let tls = url.replacen("http://", "https://", 1);
            format!("Retry. If the server speaks TLS, use --url {tls}")
        };
        (cause, advice)
    };
    ClientError::Unreachable { url, why, advice }
}

/// The last cause of an error, which says most.
pub(super) fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "the server sent nothing for too long".into();
    }
    causes(error).pop().unwrap_or_default()
}

/// The texts of an error and of its causes, without the address.
fn causes(error: &reqwest::Error) -> Vec<String> {
    let first: &dyn Error = error;
    let own = if error.url().is_some() { "no answer".to_owned() } else { error.to_string() };
    let causes = std::iter::successors(first.source(), |&cause| cause.source());
    std::iter::once(own).chain(causes.map(ToString::to_string)).collect()
}
