//! A client of HTTP/2 that writes and reads single frames.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::harness::Server;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RESET: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
pub(super) const REFUSED_STREAM: u32 = 7;

/// A client that writes frames by hand.
pub(super) struct Frames {
    stream: TcpStream,
    pub(super) next_id: u32,
}

#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) id: u32,
    pub(super) payload: Vec<u8>,
}

impl Frames {
    /// Connects with these settings.
    pub(super) fn connect(server: &Server, settings: &[u8]) -> Self {
        let stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let mut frames = Self { stream, next_id: 1 };
        frames.stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        frames.write(SETTINGS, 0, 0, settings);
        frames
    }

    pub(super) fn try_write(
        &mut self,
        kind: u8,
        flags: u8,
        id: u32,
        payload: &[u8],
    ) -> std::io::Result<()> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend_from_slice(&id.to_be_bytes());
        frame.extend_from_slice(payload);
        self.stream.write_all(&frame)
    }

    pub(super) fn write(&mut self, kind: u8, flags: u8, id: u32, payload: &[u8]) {
        self.try_write(kind, flags, id, payload).unwrap();
    }

    /// Begins a request, and gives its id.
    pub(super) fn begin(&mut self, method: &str, path: &str, flags: u8) -> u32 {
        let id = self.next_id;
        self.next_id += 2;
        self.write(HEADERS, flags, id, &head(method, path));
        id
    }

    /// The next frame, or None at the end.
    pub(super) fn read(&mut self) -> Option<Frame> {
        let mut header = [0; 9];
        match self.stream.read_exact(&mut header) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("nothing arrives"),
            Err(_) => return None,
        }
        let [high, middle, low, kind, _, id @ ..] = header;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).ok()?;
        Some(Frame { kind, id: u32::from_be_bytes(id), payload })
    }

    /// Waits until the server has read everything so far. False if it has closed the connection.
    pub(super) fn is_alive(&mut self) -> bool {
        if self.try_write(PING, 0, 0, b"are you?").is_err() {
            return false;
        }
        while let Some(frame) = self.read() {
            if frame.kind == PING && frame.payload == b"are you?" {
                return true;
            }
        }
        false
    }

    /// Reads until the server closes the connection, which it must do.
    pub(super) fn ends(mut self) {
        while self.read().is_some() {}
    }
}

/// A literal field of a header, in the form without an index (RFC 7541, section 6.2.2).
pub(super) fn field(name: &str, value: &str) -> Vec<u8> {
    let length = |text: &str| u8::try_from(text.len()).ok().filter(|it| *it < 127).unwrap();
    [&[0, length(name)], name.as_bytes(), &[length(value)], value.as_bytes()].concat()
}

pub(super) fn head(method: &str, path: &str) -> Vec<u8> {
    let text = ("content-type", "text/plain");
    [(":method", method), (":scheme", "http"), (":path", path), (":authority", "localhost"), text]
        .iter()
        .flat_map(|(name, value)| field(name, value))
        .collect()
}
