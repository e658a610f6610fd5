//! The address of a running server.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

use super::ClientError;
use crate::config::Config;

/// The address of a running server: a scheme, a host, and perhaps a port and a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress(Url);

impl ServerAddress {
    /// Reads an address that somebody wrote. Without a scheme it is `http`.
    ///
    /// # Errors
    /// What is wrong with it. A password in it is not shown.
    pub fn parse(text: &str) -> Result<Self, ClientError> {
        let invalid = |why: &'static str| ClientError::Address { why };
        let text = text.trim();
        let with_scheme =
            if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let mut url = Url::parse(&with_scheme)
            .map_err(|_| invalid("it is no address. Write one such as http://127.0.0.1:8787"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid("its scheme is neither http nor https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid(
                "it contains a user name or a password. Leave them out, and give the token in \
                 LAMPLIGHT_ADMIN_TOKEN",
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("it contains a query or a fragment. Leave them out"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        // Copied from a browser or from the documentation.
        let path = path.strip_suffix("/api").unwrap_or(&path).to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// The address at which this machine reaches the configured server. None if the system chooses
    /// its port.
    pub fn configured(config: &Config) -> Option<Self> {
        Url::parse(&config.local_url()?).ok().map(Self)
    }

    /// Whether what is sent there can be read on the way: it is another machine, without TLS.
    pub fn is_exposed(&self) -> bool {
        self.0.scheme() == "http" && !self.is_loopback()
    }

    /// Whether it is on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match ip {
            Ok(ip) => ip.is_loopback(),
            Err(_) => host == "localhost" || host.ends_with(".localhost"),
        }
    }

    /// Whether it is one of TLS.
    pub fn is_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The address of a path with a query.
    pub(crate) fn join(&self, target: &str) -> String {
        format!("{}{target}", self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_an_address() {
        for (text, want) in [
            ("http://127.0.0.1:8787", "http://127.0.0.1:8787"),
            ("127.0.0.1:8787", "http://127.0.0.1:8787"),
            ("localhost:8787", "http://localhost:8787"),
            (" https://t.example.com/ ", "https://t.example.com"),
            ("https://example.com/lamplight/", "https://example.com/lamplight"),
            ("http://[::1]:8787/api/", "http://[::1]:8787"),
            ("HTTP://EXAMPLE.com", "http://example.com"),
        ] {
            let address = ServerAddress::parse(text).unwrap();
            assert_eq!(address.to_string(), want, "{text}");
            assert_eq!(address.join("/api/totals"), format!("{want}/api/totals"));
        }
    }

    #[test]
    fn an_address_with_a_password_or_a_query_is_refused_and_not_shown() {
        for text in ["", "ftp://a", "http://", "http://me:hunter2@a", "http://a?token=hunter2"] {
            let said = ServerAddress::parse(text).unwrap_err().to_string();
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn only_another_machine_without_tls_is_exposed() {
        for (text, is_exposed) in [
            ("http://127.0.0.1:1", false),
            ("http://[::1]:1", false),
            ("http://localhost:1", false),
            ("https://t.example.com", false),
            ("http://t.example.com", true),
            ("http://10.0.0.1", true),
        ] {
            assert_eq!(ServerAddress::parse(text).unwrap().is_exposed(), is_exposed, "{text}");
        }
    }
}
