//! An HTTP receiver whose answers a test sets, and a server that delivers to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::harness::{Server, command};

/// A receiver.
pub(crate) struct Receiver {
    url: String,
    status: Arc<AtomicU16>,
}

impl Receiver {
    /// A receiver that answers with this status.
    pub(crate) fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let status = Arc::new(AtomicU16::new(status));
        let answer = Arc::clone(&status);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                        break;
                    }
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                }
                let mut body = vec![0; length];
                let _ = reader.read_exact(&mut body);
                let status = answer.load(Ordering::SeqCst);
                let head = "content-length: 0\r\nconnection: close\r\n\r\n";
                let _ = write!(stream, "HTTP/1.1 {status} Answer\r\n{head}");
            }
        });
        Self { url, status }
    }

    /// Answers with this status from now on.
    pub(crate) fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// Starts a server over `dir` that delivers to it, as the sink `hook`.
    pub(crate) fn serve(&self, dir: &Path) -> Server {
        let path = dir.join("lamplight.toml");
        let config = format!(
            "[sinks.hook]\nkind = 'webhook'\nurl = '{}'\nsecret = 'a secret of more than sixteen bytes'\n\
             [sinks.hook.retry]\nbase_ms = 1\ncap_ms = 20\nattempts_max = 50\n",
            self.url
        );
        std::fs::write(&path, config).unwrap();
        let mut command = command("serve", &dir.join("data"));
        command.arg("--config").arg(&path);
        Server::start(command)
    }
}
