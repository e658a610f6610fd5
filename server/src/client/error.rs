//! Why a call of the API has failed. Errors complete "failed to …", and never hold a token.

use std::path::PathBuf;

use crate::config::ConfigError;
use crate::process::ProcessError;
use crate::server::BuildError;
use crate::store::StoreError;
use crate::system::authorities::AuthoritiesError;
use crate::system::data_dir::DataDirError;
use crate::system::entropy::EntropyError;

/// A call of the API has failed, or there is no API to call.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is none. It is not shown, because it may contain a password.
    #[error("use the address of the server in --url or LAMPLIGHT_URL: {why}")]
    Address {
        /// What is wrong with it.
        why: &'static str,
    },
    /// Both ways were asked for.
    #[error("choose between --url and --data: give only one of them")]
    TwoPlaces,
    /// There is neither a server nor a directory.
    #[error(
        "find a server or its data: there is no data in {}, and {missing}. Name a running server \
         with --url and its token in LAMPLIGHT_ADMIN_TOKEN, or the data directory of a stopped one \
         with --data",
        path.display()
    )]
    Nowhere {
        /// The directory that was looked at.
        path: PathBuf,
        /// What is missing to use a running server.
        missing: &'static str,
    },
    /// A server uses the directory, and the command may not.
    #[error(
        "open {}: a server is using the data directory. The server is running: use {suggestion}",
        path.display()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
        /// What to do instead.
        suggestion: String,
    },
    /// The command needs a running server.
    #[error("{doing}: this needs a running server. Start it with `lamplight serve`, and use --url")]
    NeedsServer {
        /// What was asked for.
        doing: &'static str,
    },
    /// There is no token.
    #[error(
        "use the API of {url}: no token. Put an admin or viewer token into the environment variable \
         LAMPLIGHT_ADMIN_TOKEN, or name a file that holds it with --token-file. If it is lost, stop \
         the server and make another one with `lamplight token create admin --data DIR`"
    )]
    NoToken {
        /// The server.
        url: String,
    },
    /// The file of the token cannot be read.
    #[error("read the token from {}", path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The text cannot be a token.
    #[error(
        "use the token from {origin}: it is empty, or has spaces or other signs that no token has"
    )]
    TokenUnusable {
        /// Where it came from.
        origin: String,
    },
    /// The certificates of a file cannot be used.
    #[error(transparent)]
    Authorities(#[from] AuthoritiesError),
    /// The HTTP client cannot be made.
    #[error("set up the HTTP client: {0}")]
    Client(String),
    /// No answer came.
    #[error("reach the server at {url}: {why}. {advice}")]
    Unreachable {
        /// The server.
        url: String,
        /// What happened.
        why: String,
        /// What to do.
        advice: String,
    },
    /// The answer ended too early.
    #[error("read the answer of the server to {call}: {why}")]
    Cut {
        /// The call.
        call: String,
        /// What happened.
        why: String,
    },
    /// The server refused the call.
    #[error("{call}: {detail} (HTTP {status} {code}){origin}")]
    Refused {
        /// The call.
        call: String,
        /// The HTTP status.
        status: u16,
        /// The code of the problem document.
        code: String,
        /// The server's words.
        detail: String,
        /// Where the token came from, if that matters.
        origin: String,
        /// When to retry, in seconds.
        retry_after_s: Option<u64>,
    },
    /// A redirect, which is not followed.
    #[error(
        "{call}: the server redirects to {location}. Redirects are not followed, because the token \
         would go to another address. If that is the server, use it as --url"
    )]
    Redirected {
        /// The call.
        call: String,
        /// Where to.
        location: String,
    },
    /// The answer is not one of Lamplight.
    #[error(
        "{call}: what answered is not a Lamplight server (HTTP {status}, {kind}). Check the address \
         in --url, and the proxy in front of the server"
    )]
    NotLamplight {
        /// The call.
        call: String,
        /// The HTTP status.
        status: u16,
        /// The type of its content.
        kind: String,
    },
    /// The server does not know the call.
    #[error(
        "{call}: the server does not know this call. It is of another version than this command \
         ({}): use the command of the server's version, or upgrade the server",
        env!("CARGO_PKG_VERSION")
    )]
    UnknownCall {
        /// The call.
        call: String,
    },
    /// The answer has another form than expected.
    #[error(
        "{call}: the answer has another form than this command ({}) expects: {why}. The server is \
         probably of another version: use the command of its version",
        env!("CARGO_PKG_VERSION")
    )]
    OtherForm {
        /// The call.
        call: String,
        /// What is missing or wrong.
        why: String,
    },
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A setting in the environment is wrong.
    #[error("read the configuration: {0}")]
    Settings(String),
    /// The directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The settings of the database are wrong.
    #[error("{0}")]
    Database(String),
    /// Its databases cannot be opened.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Its databases cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Payloads could not be processed again.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// No token could be made for this process.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

impl ClientError {
    /// Whether the same call may succeed later: the server is not there, or busy.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Cut { .. } => true,
            Self::Refused { status, .. } => matches!(status, 429 | 500 | 502..=504),
            // A proxy says this while the server behind it restarts.
            Self::NotLamplight { status, .. } => matches!(status, 502..=504),
            _ => false,
        }
    }

    /// How long the server asks to wait, in seconds.
    pub fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::Refused { retry_after_s, .. } => *retry_after_s,
            _ => None,
        }
    }

    /// The code of the server's problem document.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }
}
