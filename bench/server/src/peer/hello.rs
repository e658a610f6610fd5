//! A bare hello: the ceiling for any answer on this machine.

use anyhow::Result;
use tokio::process::Command;

use super::{Peer, start};
use crate::traffic::Format;

impl Peer {
    /// axum, which reads the body and answers one word. A process of its own, as the others are.
    pub(crate) async fn hello() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let (child, address) = start(command.args(["--front", "hello"])).await?;
        Ok(Self::started(child, address, Format::Numbers))
    }
}
