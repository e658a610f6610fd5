//! TLS: the certificate and its key, from files that may change while the server runs.

mod expiry;
mod pair;
mod reload;
#[cfg(test)]
mod tests;
mod validity;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use self::pair::{Certificate, Pair};

/// The protocols that clients may choose from, the best one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The files of a certificate chain and of its private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain in PEM, the server's own certificate first.
    pub cert: PathBuf,
    /// The private key in PEM.
    pub key: PathBuf,
}

/// The files cannot be used. Never holds any of the key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("read the {what} {}", path.display())]
    Read {
        /// What should be in the file.
        what: &'static str,
        /// Its path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file holds something else.
    #[error("use the {what} {}: {why}", path.display())]
    Content {
        /// What should be in the file.
        what: &'static str,
        /// Its path.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The library refuses the settings, or the system provides no randomness.
    #[error("set up TLS")]
    Setup(#[source] tokio_rustls::rustls::Error),
}

/// The certificate that new connections get.
#[derive(Debug)]
struct InUse(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for InUse {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// TLS for the connections of a server.
pub struct Tls {
    files: TlsFiles,
    in_use: Arc<InUse>,
    config: Arc<ServerConfig>,
    /// What the files held when the server started.
    first: (Pair, Certificate),
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`], when they cannot be read, or do not hold a certificate and its key.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let pair = Pair::read(&files)?;
        let certificate = Certificate::of(&pair, &files)?;
        let in_use = Arc::new(InUse(RwLock::new(Arc::clone(&certificate.key))));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?;
        let resolver = Arc::clone(&in_use) as _;
        let mut config = config.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
        config.ticketer = ring::Ticketer::new().map_err(TlsError::Setup)?;
        Ok(Self { files, in_use, config: Arc::new(config), first: (pair, certificate) })
    }

    /// Makes handshakes.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// From now on, new connections get this certificate.
    fn replace(&self, certificate: &Certificate) {
        let mut in_use = self.in_use.0.write().unwrap_or_else(PoisonError::into_inner);
        *in_use = Arc::clone(&certificate.key);
    }
}
