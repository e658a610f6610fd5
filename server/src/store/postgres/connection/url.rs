//! The URL of a database.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::system::secret;

/// How long connecting to one host may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// After how long without an answer of the other machine a connection counts as lost.
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// How often the other machine is asked once a connection was silent for that long.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);
const FORM: &str =
    "postgres://user@host:5432/database, with several hosts as host1:5432,host2:5432";

/// The URLs of one database.
#[derive(Debug, Clone)]
pub struct Urls {
    /// For everything.
    pub main: DatabaseUrl,
    /// For the SQL statements of users, with a role that can only read.
    pub sql: Option<DatabaseUrl>,
}

/// How the identity of the database's host is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proof {
    /// Not at all: TLS hides what is sent, from whoever does not pretend to be the database.
    None,
    /// Its certificate comes from one of these authorities.
    Authority(Authorities),
    /// Its certificate comes from one of these authorities, and is for the host of the URL.
    Host(Authorities),
}

/// The authorities to believe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Authorities {
    /// Mozilla's list.
    Public,
    /// Those in a file, in PEM.
    File(PathBuf),
}

/// The URL of a PostgreSQL database, such as `postgres://lamplight@db.internal/lamplight`.
///
/// Its parameters are those of libpq, of which `sslmode`, `sslrootcert` and `passfile` are read
/// here, and the others by [`tokio_postgres`].
#[derive(Clone)]
pub struct DatabaseUrl {
    config: Arc<Config>,
    pub(super) proof: Proof,
}

/// A URL cannot be used. Never quotes the URL, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UrlError(String);

impl DatabaseUrl {
    /// The settings of a connection.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Whether a URL has a password in it. One that cannot be read may have.
    pub(crate) fn has_password(url: &str) -> bool {
        let (rest, _) = Parameters::take(url.trim());
        rest.parse().map_or(true, |config: Config| config.get_password().is_some())
    }

    /// The URL for PostgreSQL's own programs, without the password and other parameters.
    pub fn for_clients(&self) -> String {
        let user = self.config.get_user().unwrap_or_default();
        self.to_string().replacen("postgres://", &format!("postgres://{user}@"), 1)
    }

    /// The same database with another role.
    pub(crate) fn with_role(&self, name: &str, password: &str) -> Self {
        let mut config = Config::clone(&self.config);
        config.user(name).password(password);
        Self { config: Arc::new(config), proof: self.proof.clone() }
    }
}

/// What this file reads of a URL's parameters.
#[derive(Debug, Default)]
struct Parameters {
    ssl_mode: Option<String>,
    ssl_root_cert: Option<PathBuf>,
    pass_file: Option<PathBuf>,
}

impl Parameters {
    /// Takes its parameters out of a URL. The rest is for the library.
    fn take(url: &str) -> (String, Self) {
        let Some((place, query)) = url.split_once('?') else {
            return (url.to_owned(), Self::default());
        };
        let (mut taken, mut rest) = (Self::default(), Vec::new());
        for parameter in query.split('&') {
            let read = form_urlencoded::parse(parameter.as_bytes()).next();
            match read.as_ref().map(|(name, value)| (name.as_ref(), value.as_ref())) {
                Some(("sslmode", mode)) => taken.ssl_mode = Some(mode.to_owned()),
                Some(("sslrootcert", file)) => taken.ssl_root_cert = Some(file.into()),
                Some(("passfile", file)) => taken.pass_file = Some(file.into()),
                _ => rest.push(parameter),
            }
        }
        let rest =
            if rest.is_empty() { place.to_owned() } else { format!("{place}?{}", rest.join("&")) };
        (rest, taken)
    }

    /// The library's mode, and the proof that is asked for, as in libpq: a file of authorities
    /// makes `require` ask for a certificate of one of them.
    fn proof(&self) -> Result<(SslMode, Proof), UrlError> {
        let authorities = || match &self.ssl_root_cert {
            None => Authorities::Public,
            Some(path) if path.as_os_str() == "system" => Authorities::Public,
            Some(path) => Authorities::File(path.clone()),
        };
        Ok(match self.ssl_mode.as_deref() {
            Some("disable") => (SslMode::Disable, Proof::None),
            None | Some("prefer" | "allow") => (SslMode::Prefer, Proof::None),
            Some("require") if self.ssl_root_cert.is_none() => (SslMode::Require, Proof::None),
            Some("require" | "verify-ca") => (SslMode::Require, Proof::Authority(authorities())),
            Some("verify-full") => (SslMode::Require, Proof::Host(authorities())),
            Some(other) => {
                return Err(UrlError(format!(
                    "sslmode is `{other}`, and must be disable, prefer, require, verify-ca or verify-full"
                )));
            }
        })
    }
}

impl FromStr for DatabaseUrl {
    type Err = UrlError;

    fn from_str(url: &str) -> Result<Self, UrlError> {
        let url = url.trim();
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(UrlError(format!(
                "this is not the URL of a PostgreSQL database: write {FORM}"
            )));
        }
        let (rest, parameters) = Parameters::take(url);
        let mut config: Config = rest.parse().map_err(|error: tokio_postgres::Error| {
            UrlError(format!("{}. Write {FORM}", super::failure::described(&error)))
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(UrlError(format!("the URL names no host: write {FORM}")));
        }
        if config.get_user().is_none() {
            return Err(UrlError(format!("the URL names no user: write {FORM}")));
        }
        if config.get_dbname().is_none_or(str::is_empty) {
            return Err(UrlError(format!("the URL names no database: write {FORM}")));
        }
        if config.get_password().is_none()
            && let Some(password) = password(&config, parameters.pass_file.clone())?
        {
            config.password(password);
        }
        let (ssl_mode, proof) = parameters.proof()?;
        config.ssl_mode(ssl_mode);
        if config.get_application_name().is_none() {
            config.application_name("lamplight");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_MAX);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE_MAX);
        }
        config.keepalives_idle(SILENCE_MAX);
        config.keepalives_interval(KEEPALIVE_EVERY);
        Ok(Self { config: Arc::new(config), proof })
    }
}

/// The password that is not in the URL: of `PGPASSWORD`, or of a password file as libpq reads it,
/// which is the one of the URL or of `PGPASSFILE`.
fn password(config: &Config, file: Option<PathBuf>) -> Result<Option<String>, UrlError> {
    if let Ok(password) = std::env::var("PGPASSWORD")
        && file.is_none()
    {
        return Ok(Some(password));
    }
    let Some(file) = file.or_else(|| std::env::var_os("PGPASSFILE").map(PathBuf::from)) else {
        return Ok(None);
    };
    let text = secret::read_file(&file)
        .map_err(|error| UrlError(format!("read the password file {}: {error}", file.display())))?;
    let ports = config.get_ports();
    let (user, database) =
        (config.get_user().unwrap_or_default(), config.get_dbname().unwrap_or_default());
    let hosts = config.get_hosts().iter().enumerate().map(|(at, host)| {
        let host = match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(_) => "localhost".to_owned(),
        };
        (host, ports.get(at).or(ports.first()).copied().unwrap_or(5432).to_string())
    });
    for (host, port) in hosts {
        if let Some(password) = in_password_file(&text, [&host, &port, database, user]) {
            return Ok(Some(password));
        }
    }
    Err(UrlError(format!(
        "the password file {} has no line for this host, port, database and user: a line is \
         host:port:database:user:password",
        file.display()
    )))
}

/// The password of the first line whose four fields are these, or `*`.
fn in_password_file(text: &str, wanted: [&str; 4]) -> Option<String> {
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut fields = fields(line).into_iter();
        let is_it = wanted
            .iter()
            .all(|wanted| fields.next().is_some_and(|field| field == "*" || field == *wanted));
        fields.next().filter(|_| is_it)
    })
}

/// The fields of a line, between colons. A backslash makes the next character part of a field.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut characters) = (vec![String::new()], line.chars());
    while let Some(character) = characters.next() {
        let taken = match character {
            ':' => {
                fields.push(String::new());
                continue;
            }
            '\\' => characters.next(),
            other => Some(other),
        };
        if let Some(field) = fields.last_mut() {
            field.extend(taken);
        }
    }
    fields
}

/// Without the password.
impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The hosts and the name of the database, for messages.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        let ports = self.config.get_ports();
        for (at, host) in self.config.get_hosts().iter().enumerate() {
            let separator = if at == 0 { "" } else { "," };
            match host {
                Host::Tcp(name) => write!(f, "{separator}{name}")?,
                #[cfg(unix)]
                Host::Unix(path) => write!(f, "{separator}{}", path.display())?,
            }
            if let Some(port) = ports.get(at).or_else(|| ports.first()) {
                write!(f, ":{port}")?;
            }
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<DatabaseUrl, String> {
        text.parse().map_err(|error: UrlError| error.to_string())
    }

    #[test]
    fn a_url_is_shown_without_its_password() {
        let url = url("postgres://u:hunter2@a:1,b:2/lamp?target_session_attrs=read-write").unwrap();
        assert_eq!(format!("{url} {url:?}"), "postgres://a:1,b:2/lamp postgres://a:1,b:2/lamp");
        assert_eq!(url.for_clients(), "postgres://u@a:1,b:2/lamp");
    }

    #[test]
    fn a_password_is_found_wherever_it_stands_in_a_url() {
        for (text, has) in [
            ("postgres://u@h/d", false),
            ("postgres://u@h:5432,i:5433/d?sslmode=verify-full&passfile=/p", false),
            ("  postgres://u@h/d\n", false),
            ("postgres://u@h/d?options=-c%20work_mem=1MB", false),
            ("postgres://u:p@h/d", true),
            ("postgres://u:%70@h/d", true),
            ("postgres://u@h/d?password=p", true),
            ("postgres://h/d?user=u&password=p", true),
            ("postgres://u@h/d?sslpassword=p", true),
            ("u:p@h", true),
        ] {
            assert_eq!(DatabaseUrl::has_password(text), has, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_quoting_it() {
        for (text, wrong) in [
            ("mysql://u:hunter2@h/d", "not the URL of a PostgreSQL database"),
            ("postgres:///d", "names no host"),
            ("postgres://h/d", "names no user"),
            ("postgres://u:hunter2@h", "names no database"),
            ("postgres://u:hunter2@h/d?sslmode=maybe", "sslmode is `maybe`"),
            ("postgres://u:hunter2@h:port/d", "Write postgres://user@host"),
            ("postgres://u:hunter2@h/d?nothing=1", "Write postgres://user@host"),
            ("postgres://u@h/d?passfile=/nowhere/at/all", "/nowhere/at/all"),
        ] {
            let error = url(text).unwrap_err();
            assert!(error.contains(wrong) && !error.contains("hunter2"), "{text}: {error}");
        }
    }

    #[test]
    fn the_proof_of_the_host_is_that_of_libpq() {
        let file = || Authorities::File("/ca.pem".into());
        for (query, mode, proof) in [
            ("", SslMode::Prefer, Proof::None),
            ("?sslmode=disable", SslMode::Disable, Proof::None),
            ("?sslmode=require", SslMode::Require, Proof::None),
            ("?sslmode=require&sslrootcert=%2Fca.pem", SslMode::Require, Proof::Authority(file())),
            ("?sslmode=verify-ca&sslrootcert=/ca.pem", SslMode::Require, Proof::Authority(file())),
            ("?sslmode=verify-full", SslMode::Require, Proof::Host(Authorities::Public)),
            (
                "?sslrootcert=system&sslmode=verify-full",
                SslMode::Require,
                Proof::Host(Authorities::Public),
            ),
        ] {
            let url = url(&format!("postgres://u@h/d{query}")).unwrap();
            assert_eq!((url.config.get_ssl_mode(), url.proof), (mode, proof), "{query}");
        }
    }

    #[test]
    fn a_password_file_is_read_as_libpq_does() {
        let text =
            "# a comment\nother:*:*:*:no\ndb:5432:lamp:u\\:x:se\\:cr\\\\et:rest\n*:*:*:*:last";
        let find = |wanted| in_password_file(text, wanted);
        assert_eq!(find(["db", "5432", "lamp", "u:x"]).as_deref(), Some("se:cr\\et"));
        assert_eq!(find(["db", "5432", "lamp", "v"]).as_deref(), Some("last"));
        assert_eq!(in_password_file("a:b", ["a", "b", "c", "d"]), None);
    }

    #[test]
    fn the_password_comes_from_the_file_of_the_url() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "h:5432:d:u:secret\n").unwrap();
        let url = url(&format!("postgres://u@h/d?passfile={}", file.path().display())).unwrap();
        assert_eq!(url.config.get_password(), Some(&b"secret"[..]));
    }
}
