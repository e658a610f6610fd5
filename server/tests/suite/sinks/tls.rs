//! Sinks over TLS: certificates are checked, and a private authority can be configured.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::CertifiedKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::sinks::rig::{Rig, events};

/// A receiver that accepts everything, with a self-made certificate.
struct Receiver {
    port: u16,
    pem: String,
    requests: Arc<AtomicUsize>,
}

impl Receiver {
    async fn start() -> Self {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(AtomicUsize::new(0));
        tokio::spawn(accept(listener, acceptor, Arc::clone(&requests)));
        Self { port, pem: cert.pem(), requests }
    }

    fn table(&self, more: &str) -> String {
        format!(
            "kind = 'webhook'\nurl = 'https://localhost:{}/hook'\nsecret = 'a secret of sixteen bytes'\n{more}\n\
             [retry]\nbase_ms = 1\ncap_ms = 20\nhorizon_hours = 0",
            self.port
        )
    }
}

/// Responds to each request after its complete body, and closes the connection.
async fn accept(listener: TcpListener, acceptor: TlsAcceptor, requests: Arc<AtomicUsize>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        // A client that does not trust the certificate closes the connection here.
        let Ok(mut stream) = acceptor.accept(stream).await else { continue };
        let mut request = Vec::new();
        while !is_whole(&request) {
            if stream.read_buf(&mut request).await.unwrap() == 0 {
                break;
            }
        }
        requests.fetch_add(1, Ordering::SeqCst);
        let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        stream.shutdown().await.unwrap();
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    body.len() >= length.parse::<usize>().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_with_a_configured_authority_gets_its_events() {
    let receiver = Receiver::start().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("authority.pem");
    std::fs::write(&path, &receiver.pem).unwrap();
    let table = receiver.table(&format!("ca_file = '{}'", path.display()));
    let mut rig = Rig::new(&[("hook", &table)]);
    rig.add(events(5)).await;
    rig.start();
    let sink = rig.settled("hook").await;
    assert_eq!((sink.sent, sink.dead), (5, 0));
    assert_eq!(receiver.requests.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_an_untrusted_certificate_gets_no_event() {
    let receiver = Receiver::start().await;
    let mut rig = Rig::new(&[("hook", &receiver.table(""))]);
    let ids = rig.add(events(1)).await;
    rig.start();
    let sink = rig.settled("hook").await;
    assert_eq!((sink.sent, sink.dead), (0, 1));
    assert_eq!(receiver.requests.load(Ordering::SeqCst), 0, "nothing was sent");
    let steps = rig.steps(ids[0]).await;
    let said = steps[1].detail.as_deref().unwrap().to_lowercase();
    assert!(said.contains("certificate"), "{said}");
}
