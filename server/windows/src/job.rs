//! Job objects: limits on processes, and processes that end with the one that started them.

use std::io;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::process::Child;
use std::ptr::null;
use std::time::Duration;

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_ACTIVE_PROCESS,
    JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOB_OBJECT_LIMIT_PROCESS_MEMORY, JOB_OBJECT_LIMIT_PROCESS_TIME,
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectExtendedLimitInformation,
    SetInformationJobObject,
};
use windows_sys::Win32::System::Threading::GetCurrentProcess;

use crate::{checked, size};

struct Job(OwnedHandle);

impl Job {
    fn new(limits: &JOBOBJECT_EXTENDED_LIMIT_INFORMATION) -> io::Result<Self> {
        // SAFETY: both pointers may be null.
        let job = unsafe { CreateJobObjectW(null(), null()) };
        if job.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call before opened it, and nobody else closes it.
        let job = Self(unsafe { OwnedHandle::from_raw_handle(job) });
        let bytes = size::<JOBOBJECT_EXTENDED_LIMIT_INFORMATION>();
        // SAFETY: the limits have the form and the size that are named.
        checked(unsafe {
            SetInformationJobObject(
                job.0.as_raw_handle(),
                JobObjectExtendedLimitInformation,
                std::ptr::from_ref(limits).cast(),
                bytes,
            )
        })?;
        Ok(job)
    }

    fn add(&self, process: HANDLE) -> io::Result<()> {
        // SAFETY: both are handles that are open.
        checked(unsafe { AssignProcessToJobObject(self.0.as_raw_handle(), process) })
    }
}

/// Processes that the system kills when this value is dropped, and when this process ends, however
/// it does.
pub struct KillOnClose(Job);

impl std::fmt::Debug for KillOnClose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KillOnClose")
    }
}

impl KillOnClose {
    /// Without a process yet.
    ///
    /// # Errors
    /// When the system has no resources for it.
    pub fn new() -> io::Result<Self> {
        let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
        limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
        Job::new(&limits).map(Self)
    }

    /// Adds a process that has set no limits for itself yet.
    ///
    /// # Errors
    /// When it has ended.
    pub fn add(&self, child: &Child) -> io::Result<()> {
        self.0.add(child.as_raw_handle())
    }
}

/// What a process may take. It can start no other.
#[derive(Debug, Clone, Copy)]
pub struct ProcessLimits {
    /// Memory that is promised to it, in bytes. More is refused.
    pub memory_bytes: u64,
    /// Processor time. The system ends the process after it.
    pub cpu: Duration,
}

impl ProcessLimits {
    /// Sets them for this process, for good.
    ///
    /// # Errors
    /// When the system refuses that.
    pub fn set(self) -> io::Result<()> {
        let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION {
            ProcessMemoryLimit: usize::try_from(self.memory_bytes).unwrap_or(usize::MAX),
            ..JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default()
        };
        let basic = &mut limits.BasicLimitInformation;
        // In units of 100 ns.
        basic.PerProcessUserTimeLimit =
            i64::try_from(self.cpu.as_nanos() / 100).unwrap_or(i64::MAX);
        basic.ActiveProcessLimit = 1;
        basic.LimitFlags = JOB_OBJECT_LIMIT_PROCESS_MEMORY
            | JOB_OBJECT_LIMIT_PROCESS_TIME
            | JOB_OBJECT_LIMIT_ACTIVE_PROCESS
            | JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION;
        // The limits hold as long as the process lives, also without a handle.
        // SAFETY: this gives a constant.
        Job::new(&limits)?.add(unsafe { GetCurrentProcess() })
    }
}
