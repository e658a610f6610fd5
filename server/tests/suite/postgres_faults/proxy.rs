//! A network between a server and its database, which can be slow, swallow everything, or end
//! connections.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// It lets nothing through, and closes nothing.
const HOLE: u64 = u64::MAX;
/// It has ended every connection, and takes no new one.
const CUT: u64 = u64::MAX - 1;
/// How often a connection looks at what the network does.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The network. Its connections end with the process.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    state: Arc<AtomicU64>,
}

impl Proxy {
    /// One that leads to this port.
    pub(crate) fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, state) = (listener.local_addr().unwrap().port(), Arc::<AtomicU64>::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.load(Ordering::Relaxed) == CUT {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                for (from, to, is_answer) in [
                    (client.try_clone().unwrap(), server.try_clone().unwrap(), false),
                    (server, client, true),
                ] {
                    let state = Arc::clone(&shared);
                    std::thread::spawn(move || carry(from, to, is_answer, &state));
                }
            }
        });
        Self { port, state }
    }

    /// Each answer takes this much longer.
    pub(crate) fn delay(&self, delay: Duration) {
        self.state.store(u64::try_from(delay.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// Everything vanishes until the next change, and arrives then.
    pub(crate) fn swallow(&self) {
        self.state.store(HOLE, Ordering::Relaxed);
    }

    /// All connections end, and no new one can be made.
    pub(crate) fn cut(&self) {
        self.state.store(CUT, Ordering::Relaxed);
    }

    /// The URL of a database behind it.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, is_answer: bool, state: &AtomicU64) {
    from.set_read_timeout(Some(LOOK_EVERY)).unwrap();
    to.set_nodelay(true).unwrap();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match state.load(Ordering::Relaxed) {
            HOLE => {
                std::thread::sleep(LOOK_EVERY);
                continue;
            }
            CUT => break,
            _ => {}
        }
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                let delay = state.load(Ordering::Relaxed);
                if is_answer && delay < CUT {
                    std::thread::sleep(Duration::from_millis(delay));
                }
                while state.load(Ordering::Relaxed) == HOLE {
                    std::thread::sleep(LOOK_EVERY);
                }
                if to.write_all(&buffer[..read]).is_err() {
                    break;
                }
            }
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {}
            Err(_) => break,
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
