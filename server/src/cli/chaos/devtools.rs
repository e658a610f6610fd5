//! A connection to the browser by the Chrome DevTools Protocol.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use tungstenite::{Error, Message as Frame, WebSocket};

use super::error::ChaosError;
use super::message::{self, Message};
use super::stop::Stop;

/// How long the browser may take for a command.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// How long one read waits, so that Ctrl-C is noticed.
const READ_MAX: Duration = Duration::from_millis(50);

/// The connection.
pub(super) struct DevTools<'a> {
    socket: WebSocket<TcpStream>,
    last_id: u64,
    /// The pages whose process has ended.
    crashed: Vec<String>,
    stop: &'a Stop,
}

impl<'a> DevTools<'a> {
    /// Connects to the address that the browser has printed.
    pub(super) fn connect(address: &str, stop: &'a Stop) -> Result<Self, ChaosError> {
        let cannot = |why: String| ChaosError::Browser(format!("connect to {address}: {why}"));
        let rest = address.strip_prefix("ws://").unwrap_or(address);
        let host = rest.split('/').next().unwrap_or_default();
        let stream = TcpStream::connect(host).map_err(|error| cannot(error.to_string()))?;
        let _ = stream.set_nodelay(true);
        let (socket, _) =
            tungstenite::client(address, stream).map_err(|error| cannot(error.to_string()))?;
        // After the handshake, which a short time to read would end.
        let limited = socket.get_ref().set_read_timeout(Some(READ_MAX));
        limited.map_err(|error| cannot(error.to_string()))?;
        Ok(Self { socket, last_id: 0, crashed: Vec::new(), stop })
    }

    /// Sends a command, and waits for its result.
    pub(super) fn call(
        &mut self,
        session: Option<&str>,
        method: &str,
        params: &Value,
    ) -> Result<Value, ChaosError> {
        self.last_id += 1;
        let id = self.last_id;
        let failed = |why: &str| ChaosError::Browser(format!("{method}: {why}"));
        let text = message::command(id, session, method, params);
        self.socket.send(Frame::text(text)).map_err(|error| failed(&error.to_string()))?;
        let end = tokio::time::Instant::now() + ANSWER_MAX;
        while tokio::time::Instant::now() < end {
            match self.receive()? {
                Some(Message::Reply { id: its, result }) if its == id => {
                    return result.map_err(|error| failed(&error));
                }
                Some(Message::Crashed { target }) => self.crashed.push(target),
                _ => {}
            }
        }
        Err(failed(&format!("no answer within {} s", ANSWER_MAX.as_secs())))
    }

    /// Runs a script in the page of a session, and returns its value.
    pub(super) fn evaluate(&mut self, session: &str, script: &str) -> Result<Value, ChaosError> {
        let params = serde_json::json!({
            "expression": script, "returnByValue": true, "awaitPromise": true });
        let reply = self.call(Some(session), "Runtime.evaluate", &params)?;
        message::evaluated(reply).map_err(ChaosError::Page)
    }

    /// Waits until the process of a page has ended. False if it has not within `time_max`.
    pub(super) fn wait_for_crash(
        &mut self,
        target: &str,
        time_max: Duration,
    ) -> Result<bool, ChaosError> {
        let end = tokio::time::Instant::now() + time_max;
        loop {
            if self.crashed.iter().any(|it| it == target) {
                return Ok(true);
            }
            if tokio::time::Instant::now() >= end {
                return Ok(false);
            }
            if let Some(Message::Crashed { target }) = self.receive()? {
                self.crashed.push(target);
            }
        }
    }

    /// The next message, if there is one in a short time.
    fn receive(&mut self) -> Result<Option<Message>, ChaosError> {
        self.stop.check()?;
        match self.socket.read() {
            Ok(Frame::Text(text)) => Ok(Some(message::read(text.as_str()))),
            Ok(_) => Ok(None),
            Err(Error::Io(error)) if is_timeout(&error) => Ok(None),
            Err(error) => {
                Err(ChaosError::Browser(format!("it has ended, or closed the connection: {error}")))
            }
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
