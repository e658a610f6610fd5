//! What the server asks of Windows that the standard library does not offer, behind functions that
//! are safe to call.
//!
//! The counterparts on Unix are modes of files, resource limits and priorities. On other systems
//! this crate is empty.
#![cfg(windows)]
#![allow(unsafe_code, reason = "the interface of Windows is one of pointers and handles")]

mod access;
mod account;
mod console;
mod descriptor;
mod file_identity;
mod job;
mod path_text;
mod priority;
mod private;
#[cfg(test)]
mod tests;
mod truncate;
mod usage;

pub use access::{Others, others_with_access};
pub use console::{press_break, show_escapes};
pub use file_identity::{FileIdentity, names};
pub use job::{KillOnClose, ProcessLimits};
pub use priority::lower_thread_priority;
pub use private::{create_dir, create_file};
pub use truncate::truncate;
pub use usage::Usage;

use std::io;

/// The size of a structure, as functions of Windows take it.
fn size<T>() -> u32 {
    u32::try_from(size_of::<T>()).unwrap_or(u32::MAX)
}

/// The error of the call before, unless it succeeded.
fn checked(succeeded: i32) -> io::Result<()> {
    if succeeded == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
