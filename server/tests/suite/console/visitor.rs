//! Someone who uses the console.

use crate::harness::{ADMIN_TOKEN, Reply, Server};

/// The header of a form that a page of the console sends.
pub(crate) const FROM_HERE: (&str, &str) = ("sec-fetch-site", "same-origin");
/// The media type of a form.
pub(crate) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Someone with a session.
pub(crate) struct Visitor<'a> {
    pub(crate) server: &'a Server,
    pub(crate) cookie: String,
}

impl<'a> Visitor<'a> {
    /// Signs in with the admin token.
    pub(crate) fn admin(server: &'a Server) -> Self {
        Self::with_token(server, ADMIN_TOKEN)
    }

    /// Signs in with this token.
    pub(crate) fn with_token(server: &'a Server, token: &str) -> Self {
        let body = format!("token={token}");
        let reply = server.post("/login", &[FROM_HERE, FORM], body.as_bytes());
        assert_eq!(reply.status, 303, "{reply:?}");
        let cookie = reply.header("set-cookie").unwrap();
        Self { server, cookie: cookie.split(';').next().unwrap().to_owned() }
    }

    /// Opens a page.
    pub(crate) fn get(&self, path: &str) -> Reply {
        self.server.get(path, &[("cookie", &self.cookie)])
    }

    /// Opens a page, which must be there. Returns its HTML.
    pub(crate) fn page(&self, path: &str) -> String {
        let reply = self.get(path);
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        reply.text
    }

    /// Sends a form of a page of the console.
    pub(crate) fn submit(&self, path: &str, fields: &str) -> Reply {
        let headers = [("cookie", self.cookie.as_str()), FROM_HERE, FORM];
        self.server.post(path, &headers, fields.as_bytes())
    }
}
