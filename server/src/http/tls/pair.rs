//! A certificate chain and its private key, as two files hold them.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, InconsistentKeys};

use super::validity::{Validity, validity};
use super::{TlsError, TlsFiles};
use crate::system::other_readers::OtherReaders;

/// Largest file that is read. Chains and keys take a few KiB.
const BYTES_MAX: u64 = 1024 * 1024;
const CERTIFICATE: &str = "certificate";
const KEY: &str = "private key";

/// What the two files hold.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pair {
    cert: Vec<u8>,
    key: Vec<u8>,
    /// Who else can read the key's file.
    key_readers: Option<OtherReaders>,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pair(hidden)")
    }
}

impl Pair {
    /// Reads both files. Links are followed, because certbot and Kubernetes replace certificates by
    /// changing one.
    pub(super) fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let (cert, _) = read(&files.cert, CERTIFICATE)?;
        let (key, key_readers) = read(&files.key, KEY)?;
        Ok(Self { cert, key, key_readers })
    }

    /// Who else can read the key's file.
    pub(super) fn key_readers(&self) -> Option<&OtherReaders> {
        self.key_readers.as_ref()
    }
}

fn read(path: &Path, what: &'static str) -> Result<(Vec<u8>, Option<OtherReaders>), TlsError> {
    let read = || {
        // A FIFO would block the call that opens it.
        check_regular(&std::fs::metadata(path)?)?;
        let file = File::open(path)?;
        check_regular(&file.metadata()?)?;
        let readers = OtherReaders::of(&file, path);
        let mut bytes = Vec::new();
        file.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > BYTES_MAX {
            return Err(io::Error::other("it is larger than 1 MiB"));
        }
        Ok((bytes, readers))
    };
    read().map_err(|source| TlsError::Read { what, path: path.to_owned(), source })
}

fn check_regular(metadata: &std::fs::Metadata) -> io::Result<()> {
    if metadata.is_file() { Ok(()) } else { Err(io::Error::other("it is not a regular file")) }
}

/// A certificate that the server can use.
pub(super) struct Certificate {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) validity: Option<Validity>,
}

impl Certificate {
    /// The certificate that `pair` holds.
    ///
    /// # Errors
    /// [`TlsError::Content`], which names the file and what to do.
    pub(super) fn of(pair: &Pair, files: &TlsFiles) -> Result<Self, TlsError> {
        let wrong =
            |what, path: &Path, why: String| TlsError::Content { what, path: path.to_owned(), why };
        let chain = chain(&pair.cert).map_err(|why| wrong(CERTIFICATE, &files.cert, why))?;
        let der = private_key(&pair.key).map_err(|why| wrong(KEY, &files.key, why))?;
        let validity = chain.first().and_then(|own| validity(own));
        match CertifiedKey::from_der(chain.clone(), der.clone_key(), &ring::default_provider()) {
            Ok(key) => Ok(Self { key: Arc::new(key), validity }),
            Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                let path = files.cert.display();
                let why = match place_in_chain(&chain, &der) {
                    Some(place) => format!(
                        "it belongs to certificate number {place} of {path}: put the server's own \
                         certificate first in that file, and those of its authorities after it"
                    ),
                    None => format!(
                        "it does not belong to the certificate in {path}: use the two files that \
                         were made together"
                    ),
                };
                Err(wrong(KEY, &files.key, why))
            }
            Err(error @ (Error::InvalidCertificate(_) | Error::NoCertificatesPresented)) => {
                let why = format!("it is damaged, or no X.509 certificate ({error})");
                Err(wrong(CERTIFICATE, &files.cert, why))
            }
            Err(error) => {
                let why = format!(
                    "its kind is not supported ({error}): use an ECDSA (P-256 or P-384), Ed25519 or \
                     RSA key"
                );
                Err(wrong(KEY, &files.key, why))
            }
        }
    }
}

/// The number of the certificate, from 1, that the key belongs to.
fn place_in_chain(
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
) -> Option<usize> {
    let provider = ring::default_provider();
    let belongs = |certificate: &CertificateDer<'static>| {
        CertifiedKey::from_der(vec![certificate.clone()], key.clone_key(), &provider).is_ok()
    };
    chain.iter().position(belongs).map(|at| at + 1)
}

fn holds(pem: &[u8], text: &str) -> bool {
    memchr::memmem::find(pem, text.as_bytes()).is_some()
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(|error| format!("its PEM text is damaged ({error:?})"))?;
    if !chain.is_empty() {
        return Ok(chain);
    }
    Err(if holds(pem, "PRIVATE KEY-----") {
        "it holds a private key and no certificate: `tls_cert` and `tls_key` may be swapped".into()
    } else {
        "it holds no certificate: use a PEM file, which has a line -----BEGIN CERTIFICATE-----. \
         `openssl x509 -inform DER` converts a binary file"
            .into()
    })
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    if holds(pem, "BEGIN ENCRYPTED PRIVATE KEY") || holds(pem, "Proc-Type: 4,ENCRYPTED") {
        return Err("it is protected by a password, which the server cannot ask for: write it \
                    without one, with `openssl pkey -in <file> -out <new file>`"
            .into());
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| {
        use tokio_rustls::rustls::pki_types::pem::Error;
        match error {
            Error::NoItemsFound if holds(pem, "BEGIN CERTIFICATE-----") => {
                "it holds a certificate and no private key: `tls_cert` and `tls_key` may be swapped"
                    .into()
            }
            Error::NoItemsFound => "it holds no private key: use a PEM file, which has a line \
                                    -----BEGIN PRIVATE KEY----- (or EC or RSA)"
                .into(),
            // Not what was found, which may be part of the key.
            _ => "its PEM text is damaged".into(),
        }
    })
}
