//! What this process uses of the machine.

use std::io;

use windows_sys::Win32::Foundation::FILETIME;
use windows_sys::Win32::System::ProcessStatus::{K32GetProcessMemoryInfo, PROCESS_MEMORY_COUNTERS};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, GetProcessTimes};

use crate::{checked, size};

/// What this process uses of the machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// Memory that is in use and not swapped out, in bytes.
    pub resident_bytes: u64,
    /// Processor time of all threads, in seconds.
    pub cpu_s: f64,
}

impl Usage {
    /// Asks the system.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn measure() -> io::Result<Self> {
        let mut memory = PROCESS_MEMORY_COUNTERS::default();
        let bytes = size::<PROCESS_MEMORY_COUNTERS>();
        let mut times = [FILETIME::default(); 4];
        let [began, ended, system, user] = &mut times;
        // SAFETY: the handle is a constant, and the pointers are to local variables of these sizes.
        unsafe {
            let process = GetCurrentProcess();
            checked(K32GetProcessMemoryInfo(process, &raw mut memory, bytes))?;
            checked(GetProcessTimes(process, began, ended, system, user))?;
        }
        let [.., system, user] = times.map(seconds);
        Ok(Self { resident_bytes: memory.WorkingSetSize as u64, cpu_s: system + user })
    }
}

/// A duration in units of 100 ns.
#[allow(clippy::cast_precision_loss, reason = "a process does not run for centuries")]
fn seconds(time: FILETIME) -> f64 {
    let units = (u64::from(time.dwHighDateTime) << 32) | u64::from(time.dwLowDateTime);
    units as f64 / 1e7
}
