//! What an operator does about a database that cannot be used.

use std::error::Error;
use std::io;

use tokio_postgres::error::{DbError, SqlState};
use tokio_rustls::rustls;

use super::failure::{Failure, described};
use super::fitness::{CONNECTIONS_LEAST, NO_WRITES, make_database};
use super::open_error::OpenError;
use super::url::DatabaseUrl;

/// Why no connection can be made, and what to do about it.
pub(super) fn connecting_failed(url: &DatabaseUrl, failure: &Failure) -> OpenError {
    // PostgreSQL writes details on lines of their own.
    let why = described(failure).lines().collect::<Vec<_>>().join(". ");
    let advice = advice(url, failure);
    let reason = if advice.is_empty() { why } else { format!("{why}. {advice}") };
    OpenError::Connect { url: url.to_string(), reason, is_down: is_down(failure) }
}

/// Whether nobody answers there now, or who answers cannot work now. A role, a password, a database
/// or a certificate that is wrong stays so.
fn is_down(failure: &Failure) -> bool {
    let Some(error) = failure.error() else { return true };
    if let Some(code) = error.code() {
        return ["08", "53", "57P"].iter().any(|class| code.code().starts_with(class));
    }
    let is_of_network = causes(error).any(<dyn Error>::is::<io::Error>);
    let is_of_tls = causes(error).any(<dyn Error>::is::<rustls::Error>);
    !is_of_tls && (error.is_closed() || is_of_network)
}

fn advice(url: &DatabaseUrl, failure: &Failure) -> String {
    let Some(error) = failure.error() else {
        return "Check the host and the port in the URL, and what filters the network between"
            .into();
    };
    if let Some(code) = error.code() {
        return of_code(url, code);
    }
    let causes = || causes(error);
    if let Some(error) = causes().find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return of_tls(error).into();
    }
    if error.to_string().contains("TLS") {
        return "The URL asks for TLS: turn on ssl in the database's postgresql.conf, or write \
                sslmode=prefer if nobody can listen in between"
            .into();
    }
    if causes().any(|cause| cause.to_string().contains("password missing")) {
        return "Set PGPASSWORD, or name a password file with PGPASSFILE".into();
    }
    match causes().find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind) {
        Some(io::ErrorKind::PermissionDenied) => NO_WRITES.into(),
        Some(io::ErrorKind::ConnectionRefused) => {
            "Start PostgreSQL, and check the host and the port in the URL".into()
        }
        Some(io::ErrorKind::TimedOut) => {
            "Check the host and the port in the URL, and what filters the network between".into()
        }
        _ => "Check the host in the URL".into(),
    }
}

fn of_code(url: &DatabaseUrl, code: &SqlState) -> String {
    let (role, database) = (
        url.config().get_user().unwrap_or_default(),
        url.config().get_dbname().unwrap_or_default(),
    );
    let told = [
        (
            SqlState::INVALID_PASSWORD,
            "Correct the password in the URL, in PGPASSWORD or in the password file".to_owned(),
        ),
        (
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            format!(
                "As a superuser of the database, make the role with CREATE ROLE \"{role}\" LOGIN PASSWORD '…', \
                 and let it in from this machine in pg_hba.conf"
            ),
        ),
        (
            SqlState::INVALID_CATALOG_NAME,
            format!("As a superuser, run: {}", make_database(database, role)),
        ),
        (
            SqlState::INSUFFICIENT_PRIVILEGE,
            format!(
                "As the owner of the database, run: GRANT CONNECT ON DATABASE \"{database}\" TO \"{role}\""
            ),
        ),
        (
            SqlState::TOO_MANY_CONNECTIONS,
            format!(
                "A server needs at least {CONNECTIONS_LEAST}: raise max_connections in postgresql.conf, or the \
                 CONNECTION LIMIT of the role or the database"
            ),
        ),
        (
            SqlState::CANNOT_CONNECT_NOW,
            "It is starting or stopping: start lamplight again when it is up".to_owned(),
        ),
    ];
    told.into_iter().find(|(of, _)| of == code).map(|(_, advice)| advice).unwrap_or_default()
}

fn of_tls(error: &rustls::Error) -> &'static str {
    use rustls::{CertificateError as Wrong, Error};
    match error {
        Error::InvalidCertificate(Wrong::UnknownIssuer | Wrong::BadSignature) => {
            "Name the file with the certificate of its authority (PEM) in the URL: sslrootcert=/path/to/ca.pem"
        }
        Error::InvalidCertificate(
            Wrong::NotValidForName | Wrong::NotValidForNameContext { .. },
        ) => {
            "Write the host of the URL as the certificate names it, or write sslmode=verify-ca, which \
             asks for the authority alone"
        }
        Error::InvalidCertificate(Wrong::Expired | Wrong::ExpiredContext { .. }) => {
            "Renew the database's certificate"
        }
        _ => "Check the database's certificate and its TLS settings",
    }
}

/// An error and its causes, also those inside of errors of the system.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    fn cause<'e>(error: &&'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
        let error: &'e (dyn Error + 'static) = *error;
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        }
    }
    std::iter::successors(Some(error), cause)
}

/// What to do if an error says that the role lacks a right.
pub(super) fn of_rights(url: &DatabaseUrl, error: &(dyn Error + 'static)) -> Option<String> {
    let lacks = causes(error)
        .filter_map(|cause| cause.downcast_ref::<DbError>())
        .any(|error| *error.code() == SqlState::INSUFFICIENT_PRIVILEGE);
    let role = url.config().get_user().unwrap_or_default();
    lacks.then(|| {
        format!(
            "{}. The role of the URL must own the schema lamplight and what is in it: as a superuser, run \
             ALTER SCHEMA lamplight OWNER TO \"{role}\", and REASSIGN OWNED BY the role that made its tables",
            described(error)
        )
    })
}
