//! A service over HTTP that answers what a test tells it, and keeps what it gets.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::harness::{Server, command};

/// A service.
pub(super) struct Service {
    pub(super) port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    answer: Mutex<(u16, String)>,
    requests: Mutex<Vec<Request>>,
}

/// A request: its head, and its body.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("no {name}: {}", self.head)).trim()
    }
}

impl Service {
    pub(super) fn start(status: u16, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, shared) = (listener.local_addr().unwrap().port(), Arc::<Shared>::default());
        let service = Self { port, shared: Arc::clone(&shared) };
        service.answer(status, body);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let _ = shared.serve(stream);
            }
        });
        service
    }

    /// What it answers from now on.
    pub(super) fn answer(&self, status: u16, body: &str) {
        *self.shared.answer.lock().unwrap() = (status, body.to_owned());
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let bytes = head
            .to_lowercase()
            .split("content-length: ")
            .nth(1)
            .map_or(0, |rest| rest.lines().next().unwrap().trim().parse().unwrap());
        let mut body = vec![0; bytes];
        reader.read_exact(&mut body)?;
        self.requests.lock().unwrap().push(Request { head, body });
        let (status, body) = self.answer.lock().unwrap().clone();
        let bytes = body.len();
        let mut stream = stream;
        write!(
            stream,
            "HTTP/1.1 {status} X\r\ncontent-length: {bytes}\r\nconnection: close\r\n\r\n{body}"
        )
    }
}

/// A server with these sinks, each with its settings in TOML.
pub(super) fn serve(dir: &Path, sinks: &[(&str, String)]) -> Server {
    let mut text = String::new();
    for (name, table) in sinks {
        let _ = writeln!(text, "[sinks.{name}]\n{table}");
    }
    std::fs::write(dir.join("lamplight.toml"), text).unwrap();
    let mut command = command("serve", &dir.join("data"));
    command.arg("--config").arg(dir.join("lamplight.toml"));
    Server::start(command)
}

/// The settings of a webhook.
pub(super) fn hook(port: u16) -> String {
    format!(
        "kind = 'webhook'\nurl = 'http://127.0.0.1:{port}/hook/hidden-part'\nsecret = '{SECRET}'\n\
         retry.base_ms = 1\nretry.cap_ms = 20"
    )
}

/// The key of webhooks.
pub(super) const SECRET: &str = "a secret of more than sixteen bytes";
