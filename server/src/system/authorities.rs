//! Certificate authorities that are trusted beside Mozilla's roots. Each HTTPS request that the
//! program makes takes them from here, so each follows the same rules.

use std::path::{Path, PathBuf};

use reqwest::{Certificate, ClientBuilder};

/// The authorities of a file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("use the certificates in {}: {why}", path.display())]
pub struct AuthoritiesError {
    path: PathBuf,
    why: String,
}

/// `builder`, whose client also trusts the authorities in `ca_file` (PEM), if there is one.
///
/// # Errors
/// [`AuthoritiesError`], when the file cannot be read, or has no certificate.
pub fn trust(
    builder: ClientBuilder,
    ca_file: Option<&Path>,
) -> Result<ClientBuilder, AuthoritiesError> {
    let Some(path) = ca_file else { return Ok(builder) };
    let failed = |why: String| AuthoritiesError { path: path.to_owned(), why };
    let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| failed(causes(&error)))?;
    if found.is_empty() {
        return Err(failed("the file contains no certificate in PEM form".into()));
    }
    Ok(found.into_iter().fold(builder, ClientBuilder::add_root_certificate))
}

fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
