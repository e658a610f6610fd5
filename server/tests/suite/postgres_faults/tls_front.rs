//! TLS in front of a database, because not every build of PostgreSQL has it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What a client sends that wants TLS.
const WANTS_TLS: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Takes connections with TLS, and passes what is in them on.
pub(super) struct TlsFront {
    pub(super) port: u16,
    without_tls: Arc<AtomicUsize>,
    _runtime: tokio::runtime::Runtime,
}

impl TlsFront {
    /// TLS with this certificate and key, in PEM, in front of the database at a port.
    pub(super) fn start(certificate: &str, key: &str, database: u16) -> Self {
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let without_tls = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&without_tls);
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, acceptor.clone(), database, Arc::clone(&counted)));
            }
        });
        Self { port, without_tls, _runtime: runtime }
    }

    /// How many connections wanted no TLS. They were closed.
    pub(super) fn without_tls(&self) -> usize {
        self.without_tls.load(Ordering::SeqCst)
    }
}

async fn carry(
    mut client: TcpStream,
    acceptor: TlsAcceptor,
    database: u16,
    without_tls: Arc<AtomicUsize>,
) {
    let mut first = [0; 8];
    if client.read_exact(&mut first).await.is_err() {
        return;
    }
    if first != WANTS_TLS {
        without_tls.fetch_add(1, Ordering::SeqCst);
        return;
    }
    client.write_all(b"S").await.unwrap();
    // A client that does not trust the certificate ends here.
    let Ok(mut client) = acceptor.accept(client).await else { return };
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", database)).await else { return };
    drop(copy_bidirectional(&mut client, &mut server).await);
}
