//! The address of a running server.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;

use super::ClientError;

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

    /// The address at which this machine reaches a server that listens on `listen`. None if the
    /// system chose its port.
    pub fn of_listener(listen: SocketAddr) -> Option<Self> {
        let ip = match listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        if listen.port() == 0 {
            return None;
        }
        Url::parse(&format!("http://{}", SocketAddr::new(ip, listen.port()))).ok().map(Self)
    }

    /// Whether what is sent there can be read on the way: it is another machine, without TLS.
    pub fn is_exposed(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let is_loopback = match ip {
            Ok(ip) => ip.is_loopback(),
            Err(_) => host == "localhost" || host.ends_with(".localhost"),
        };
        self.0.scheme() == "http" && !is_loopback
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
    fn a_server_that_listens_everywhere_is_reached_on_this_machine() {
        for (listen, want) in [
            ("127.0.0.1:1", Some("http://127.0.0.1:1")),
            ("0.0.0.0:8787", Some("http://127.0.0.1:8787")),
            ("[::]:8787", Some("http://[::1]:8787")),
            ("192.0.2.1:80", Some("http://192.0.2.1")),
            ("127.0.0.1:0", None),
        ] {
            let address = ServerAddress::of_listener(listen.parse().unwrap());
            assert_eq!(address.map(|it| it.to_string()).as_deref(), want, "{listen}");
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
