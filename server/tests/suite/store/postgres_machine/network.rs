//! A network between a server and PostgreSQL that is cut at any message, for good or for a
//! moment.
//!
//! What counts is what PostgreSQL acts on: everything up to a `Sync`, a simple query, or the end of
//! a copy. Each such message is two operations: its arrival, and that its whole answer is heard. So
//! a cut comes before PostgreSQL knows of something, or after it took effect and before the server
//! hears of that. Within a message a cut is the same as before it: nothing of it is committed.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::store::machine::STORAGE_RUNTIME;

/// The network of one server.
pub(crate) struct Network {
    pub(crate) port: u16,
    wires: Arc<Wires>,
}

/// What all connections share.
struct Wires {
    plan: Mutex<Plan>,
    state: watch::Sender<State>,
}

/// How many operations there are until all connections end.
#[derive(Debug, Default)]
struct Plan {
    until_cut: Option<u64>,
    until_break: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// How often all connections have ended.
    breaks: u64,
    /// Whether there are no new ones.
    is_cut: bool,
}

/// Counts an operation. Returns whether it is the one that is waited for.
fn is_due(until: &mut Option<u64>) -> bool {
    let is_due = *until == Some(0);
    *until = until.and_then(|left| left.checked_sub(1));
    is_due
}

impl Wires {
    /// Counts an operation. Ends all connections if they end there.
    fn count(&self) {
        let mut plan = self.plan.lock().unwrap();
        if is_due(&mut plan.until_break) {
            self.state.send_modify(|state| state.breaks += 1);
        }
        if is_due(&mut plan.until_cut) {
            self.cut();
        }
    }

    fn cut(&self) {
        self.state.send_modify(|state| {
            *state = State { breaks: state.breaks + 1, is_cut: true };
        });
    }

    /// Waits until this is true.
    async fn becomes(&self, is_true: impl FnMut(&State) -> bool) {
        // An error means that there is no sender, which `self` holds.
        drop(self.state.subscribe().wait_for(is_true).await);
    }
}

impl Network {
    /// One that leads to this port.
    pub(crate) fn start(to: u16) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let wires = Arc::new(Wires { plan: Mutex::default(), state: watch::Sender::default() });
        STORAGE_RUNTIME.spawn(accept(listener, to, Arc::clone(&wires)));
        Self { port, wires }
    }

    /// Cuts everything at the nth operation from now, counted from 0. There are no new connections.
    pub(crate) fn cut_after(&self, operations: u64) {
        self.wires.plan.lock().unwrap().until_cut = Some(operations);
    }

    /// Ends all connections at the nth operation from now, counted from 0. New ones work.
    pub(crate) fn break_after(&self, operations: u64) {
        self.wires.plan.lock().unwrap().until_break = Some(operations);
    }

    /// How often all connections have ended.
    pub(crate) fn breaks(&self) -> u64 {
        self.wires.state.borrow().breaks
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.wires.state.borrow().is_cut
    }

    /// Waits until everything is cut.
    pub(crate) fn becomes_cut(&self) -> impl Future<Output = ()> + use<> {
        let wires = Arc::clone(&self.wires);
        async move { wires.becomes(|state| state.is_cut).await }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.wires.cut();
    }
}

async fn accept(listener: std::net::TcpListener, to: u16, wires: Arc<Wires>) {
    listener.set_nonblocking(true).unwrap();
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let client = tokio::select! {
            () = wires.becomes(|state| state.is_cut) => return,
            accepted = listener.accept() => accepted.unwrap().0,
        };
        let breaks = wires.state.borrow().breaks;
        let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await else { continue };
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
        }
        let ((from_client, to_client), (from_server, to_server)) =
            (client.into_split(), server.into_split());
        for (from, to, side) in [
            (from_client, to_server, Side::Client { is_new: true }),
            (from_server, to_client, Side::Server),
        ] {
            let wires = Arc::clone(&wires);
            tokio::spawn(async move {
                tokio::select! {
                    biased;
                    () = wires.becomes(|state| state.breaks > breaks) => {}
                    () = carry(from, to, side, breaks, &wires) => {}
                }
            });
        }
    }
}

/// Who sends.
#[derive(Debug, Clone, Copy)]
enum Side {
    /// The first message of a client has no type.
    Client {
        is_new: bool,
    },
    Server,
}

impl Side {
    /// The type and the length of the first message, once all of it is there.
    fn message(&mut self, bytes: &[u8]) -> Option<(u8, usize)> {
        let head = usize::from(!matches!(self, Self::Client { is_new: true }));
        let length = bytes.get(head..head + 4)?;
        let length = u32::from_be_bytes(length.try_into().unwrap());
        let end = head + usize::try_from(length).unwrap();
        let kind = if head == 1 { bytes[0] } else { 0 };
        if bytes.len() < end {
            return None;
        }
        if let Self::Client { is_new } = self {
            *is_new = false;
        }
        Some((kind, end))
    }

    /// Whether a message of this type is an operation.
    fn counts(self, kind: u8) -> bool {
        match self {
            // `Query`, `Sync`, `CopyDone`.
            Self::Client { .. } => b"QSc".contains(&kind),
            // `ReadyForQuery` ends an answer.
            Self::Server => kind == b'Z',
        }
    }

    /// Whether a message is sent on with what is before it. Whoever asked hears all of an answer or
    /// nothing, or that it may begin to copy.
    fn ends(self, kind: u8) -> bool {
        match self {
            Self::Client { .. } => true,
            Self::Server => b"ZGHWA".contains(&kind),
        }
    }
}

/// Carries messages until one side has ended, or everything is cut.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut side: Side,
    breaks: u64,
    wires: &Wires,
) {
    let (mut bytes, mut checked) = (Vec::new(), 0);
    while let Ok(1..) = from.read_buf(&mut bytes).await {
        let mut ready = 0;
        while let Some((kind, length)) = side.message(&bytes[checked..]) {
            if side.counts(kind) {
                wires.count();
                if wires.state.borrow().breaks > breaks {
                    return;
                }
            }
            checked += length;
            if side.ends(kind) {
                ready = checked;
            }
        }
        if to.write_all(&bytes[..ready]).await.is_err() {
            return;
        }
        bytes.drain(..ready);
        checked -= ready;
    }
    // The last words of a server, such as an error.
    drop(to.write_all(&bytes).await);
}
