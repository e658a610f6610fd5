//! The intake URL: which NATS cluster takes payloads, and how.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use reqwest::Url;

use crate::system::secret::Secret;

const FORM: &str = "nats://user:password@n1:4222,n2:4222,n3:4222?monitor=http://n1:8222,http://n2:8222,http://n3:8222";
const OPTIONS: &str = "replicas, monitor, stream, max_gib, credentials_file, ca_file, \
                       client_certificate_file and client_key_file";
/// What a stream takes unless the URL says otherwise.
const MAX_GIB: f64 = 10.0;
/// The most that the URL may say: a petabyte. No disk has more.
const MAX_GIB_MAX: f64 = 1_048_576.0;

/// An intake URL cannot be used. Never quotes the URL, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IntakeUrlError(String);

/// How a server proves to the cluster who it is.
#[derive(Debug, Clone)]
pub(super) enum Login {
    /// Not at all.
    None,
    /// With a user and a password.
    User(String, Secret),
    /// With a token.
    Token(Secret),
}

/// The URL of the NATS cluster that takes payloads, such as
/// `nats://n1,n2,n3?monitor=http://n1:8222,http://n2:8222,http://n3:8222`.
#[derive(Debug, Clone)]
pub struct IntakeUrl {
    /// The nodes, each as `host:port`.
    pub(super) nodes: Vec<String>,
    pub(super) has_tls: bool,
    pub(super) login: Login,
    /// How many nodes keep each payload.
    pub(super) replicas: usize,
    /// The monitoring endpoints, one of each node.
    pub(super) monitors: Vec<Url>,
    pub(super) stream: String,
    pub(super) bytes_max: i64,
    pub(super) credentials_file: Option<PathBuf>,
    pub(super) ca_file: Option<PathBuf>,
    /// A certificate and its key.
    pub(super) client: Option<(PathBuf, PathBuf)>,
}

impl IntakeUrl {
    /// Whether a URL has a password or a token in it. One that cannot be read may have.
    pub(crate) fn has_password(url: &str) -> bool {
        Parts::split(url.trim()).is_none_or(|parts| parts.login.is_some())
    }

    /// The subject of a shard.
    pub(super) fn subject(&self, shard: u16) -> String {
        format!("{}.payloads.{shard}", self.stream)
    }
}

impl fmt::Display for IntakeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.has_tls { "tls" } else { "nats" };
        write!(f, "{scheme}://{}", self.nodes.join(","))
    }
}

/// The parts of a URL, as text.
struct Parts<'u> {
    has_tls: bool,
    login: Option<&'u str>,
    nodes: &'u str,
    options: &'u str,
}

impl<'u> Parts<'u> {
    fn split(url: &'u str) -> Option<Self> {
        let (has_tls, rest) = match url.split_once("://")? {
            ("nats", rest) => (false, rest),
            ("tls", rest) => (true, rest),
            _ => return None,
        };
        let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (login, nodes) = match place.rsplit_once('@') {
            Some((login, nodes)) => (Some(login), nodes),
            None => (None, place),
        };
        Some(Self { has_tls, login, nodes, options })
    }
}

/// The options of a URL, as text.
#[derive(Debug, Default)]
struct Options {
    replicas: Option<String>,
    monitor: Option<String>,
    stream: Option<String>,
    max_gib: Option<String>,
    credentials_file: Option<String>,
    ca_file: Option<String>,
    client_certificate_file: Option<String>,
    client_key_file: Option<String>,
}

impl Options {
    fn read(text: &str) -> Result<Self, IntakeUrlError> {
        let mut options = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let place = match name.as_ref() {
                "replicas" => &mut options.replicas,
                "monitor" => &mut options.monitor,
                "stream" => &mut options.stream,
                "max_gib" => &mut options.max_gib,
                "credentials_file" => &mut options.credentials_file,
                "ca_file" => &mut options.ca_file,
                "client_certificate_file" => &mut options.client_certificate_file,
                "client_key_file" => &mut options.client_key_file,
                // A password with a `?` in it may end up here, so the name is not quoted either.
                _ => {
                    return wrong(format!(
                        "the URL has an option that is not known: the options are {OPTIONS}"
                    ));
                }
            };
            if place.replace(value.into_owned()).is_some() {
                return wrong(format!("the option {name} is there twice: write it once"));
            }
        }
        Ok(options)
    }

    fn replicas(&self) -> Result<usize, IntakeUrlError> {
        match self.replicas.as_deref() {
            None | Some("3") => Ok(3),
            Some("1") => Ok(1),
            Some("5") => Ok(5),
            Some(other) => wrong(format!(
                "replicas is `{other}`, and must be 3, 5, or, if losing one disk may lose events, 1"
            )),
        }
    }

    fn monitors(&self) -> Result<Vec<Url>, IntakeUrlError> {
        let Some(text) = &self.monitor else {
            return wrong(format!(
                "the option monitor is missing, which names the monitoring endpoint of each node \
                 (`http:` in the node's configuration): write {FORM}"
            ));
        };
        let mut monitors = Vec::new();
        for text in text.split(',').map(str::trim) {
            let url = text.parse::<Url>().ok().filter(|url| {
                ["http", "https"].contains(&url.scheme())
                    && url.host_str().is_some_and(|host| !host.is_empty())
                    && url.username().is_empty()
                    && url.password().is_none()
                    && url.query().is_none()
            });
            let Some(mut url) = url else {
                return wrong(
                    "an address of the option monitor is not one: write http://n1:8222, one for \
                     each node, with commas between them",
                );
            };
            if !url.path().ends_with('/') {
                url.set_path(&format!("{}/", url.path()));
            }
            if monitors.contains(&url) {
                return wrong(format!("the monitor {url} is there twice: write one of each node"));
            }
            monitors.push(url);
        }
        Ok(monitors)
    }

    fn stream(&self) -> Result<String, IntakeUrlError> {
        let name = self.stream.as_deref().unwrap_or("lamplight");
        let is_plain = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
        if name.is_empty() || name.len() > 64 || !name.chars().all(is_plain) {
            return wrong(
                "stream must be a name of letters, digits, `-` and `_`, at most 64 of them",
            );
        }
        Ok(name.to_owned())
    }

    fn bytes_max(&self) -> Result<i64, IntakeUrlError> {
        let gib = self.max_gib.as_deref().map_or(Ok(MAX_GIB), str::parse::<f64>);
        let gib = gib.ok().filter(|gib| (0.001..=MAX_GIB_MAX).contains(gib));
        let Some(gib) = gib else {
            return wrong(
                "max_gib must be a number from 0.001: how many GiB of each node's disk payloads \
                 may take",
            );
        };
        #[allow(clippy::cast_possible_truncation, reason = "at most a petabyte")]
        Ok((gib * f64::from(1 << 30)) as i64)
    }

    fn client(&self) -> Result<Option<(PathBuf, PathBuf)>, IntakeUrlError> {
        match (&self.client_certificate_file, &self.client_key_file) {
            (Some(certificate), Some(key)) => Ok(Some((certificate.into(), key.into()))),
            (None, None) => Ok(None),
            _ => wrong(
                "client_certificate_file and client_key_file belong together: set both, or neither",
            ),
        }
    }
}

fn wrong<T>(why: impl Into<String>) -> Result<T, IntakeUrlError> {
    Err(IntakeUrlError(why.into()))
}

fn login(text: Option<&str>) -> Result<Login, IntakeUrlError> {
    let decoded = |text: &str| match percent_decoded(text) {
        Some(text) => Ok(text),
        None => wrong("the user, password or token of the URL has a wrong %-escape"),
    };
    match text.map(|text| text.split_once(':').ok_or(text)) {
        None => Ok(Login::None),
        Some(Ok(("", _)) | Err("")) => wrong("the URL has an `@` and no user or token before it"),
        Some(Ok((user, password))) => {
            Ok(Login::User(decoded(user)?, Secret::from(decoded(password)?.as_str())))
        }
        Some(Err(token)) => Ok(Login::Token(Secret::from(decoded(token)?.as_str()))),
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(data_encoding::HEXLOWER_PERMISSIVE.decode(&digits).ok()?[0]);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// The address of a node, with its port.
fn node(text: &str) -> Option<String> {
    let url = format!("http://{text}").parse::<Url>().ok()?;
    let is_only_host = url.path() == "/"
        && url.query().is_none()
        && url.username().is_empty()
        && !text.ends_with('/');
    let host = url.host_str().filter(|host| !host.is_empty())?;
    // A port that is the default of the scheme is not reported.
    let port = if text.ends_with(":80") { 80 } else { url.port().unwrap_or(4222) };
    is_only_host.then(|| format!("{host}:{port}"))
}

impl FromStr for IntakeUrl {
    type Err = IntakeUrlError;

    fn from_str(url: &str) -> Result<Self, IntakeUrlError> {
        let Some(parts) = Parts::split(url.trim()) else {
            return wrong(format!("this is not the URL of a NATS cluster: write {FORM}"));
        };
        let mut nodes = Vec::new();
        for text in parts.nodes.split(',').map(str::trim) {
            let Some(node) = node(text) else {
                return wrong(format!("a node of the URL is not host:port: write {FORM}"));
            };
            nodes.push(node);
        }
        let options = Options::read(parts.options)?;
        let login = login(parts.login)?;
        let credentials_file = options.credentials_file.as_deref().map(PathBuf::from);
        if credentials_file.is_some() && !matches!(login, Login::None) {
            return wrong("the URL has a login and credentials_file: choose one of them");
        }
        let (ca_file, client) = (options.ca_file.as_deref().map(PathBuf::from), options.client()?);
        let asks_https = |url: &Url| url.scheme() == "https";
        let monitors = options.monitors()?;
        if !parts.has_tls
            && (client.is_some() || ca_file.is_some() && !monitors.iter().any(asks_https))
        {
            return wrong(
                "the URL names certificates and has no TLS: write tls:// instead of nats://",
            );
        }
        Ok(Self {
            nodes,
            has_tls: parts.has_tls,
            login,
            replicas: options.replicas()?,
            monitors,
            stream: options.stream()?,
            bytes_max: options.bytes_max()?,
            credentials_file,
            ca_file,
            client,
        })
    }
}

/// How a size is written in an intake URL.
pub(super) fn in_gib(bytes: i64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "for people")]
    let gib = bytes as f64 / f64::from(1 << 30);
    gib.to_string()
}

#[cfg(test)]
mod tests;
