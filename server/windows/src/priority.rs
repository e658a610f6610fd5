//! The priority of threads.

use std::io;

use windows_sys::Win32::System::Threading::{
    GetCurrentThread, SetThreadPriority, THREAD_PRIORITY_BELOW_NORMAL,
};

use crate::checked;

/// Gives the calling thread a lower priority than others. When nothing is idle, the system still
/// gives such a thread a turn every few seconds ("Priority Boosts", learn.microsoft.com).
///
/// # Errors
/// When the system refuses that.
pub fn lower_thread_priority() -> io::Result<()> {
    // SAFETY: the handle is a constant that stands for this thread.
    checked(unsafe { SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_BELOW_NORMAL) })
}
