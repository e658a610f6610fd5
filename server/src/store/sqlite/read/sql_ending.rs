//! Which limit ended the process of a statement.

use std::process::ExitStatus;
use std::time::Duration;

use crate::store::SqlError;

/// Which limit ended a process, if the system ended it.
#[cfg(unix)]
pub(super) fn ended_by(status: ExitStatus, time_max: Duration) -> Option<SqlError> {
    use rustix::process::Signal;
    use std::os::unix::process::ExitStatusExt;

    let signal = status.signal()?;
    Some(if signal == Signal::XFSZ.as_raw() {
        SqlError::TooManyTemporaries
    } else if signal == Signal::XCPU.as_raw() {
        SqlError::TooSlow(time_max)
    } else {
        // An allocation that fails ends the process, and so does the end of its stack.
        SqlError::TooMuchMemory
    })
}

/// Which limit ended a process, if the system ended it.
#[cfg(windows)]
pub(super) fn ended_by(status: ExitStatus, time_max: Duration) -> Option<SqlError> {
    /// The limit of processor time, as an error of Windows and as one of its kernel:
    /// `ERROR_NOT_ENOUGH_QUOTA` and `STATUS_QUOTA_EXCEEDED`.
    const TIME_IS_UP: [u32; 2] = [1_816, 0xC000_0044];
    /// Errors of the kernel begin here ("NTSTATUS", learn.microsoft.com).
    const ERRORS: u32 = 0xC000_0000;

    let code = status.code()?.cast_unsigned();
    if TIME_IS_UP.contains(&code) {
        Some(SqlError::TooSlow(time_max))
    } else {
        // An allocation that fails ends the process, and so does the end of its stack.
        (code >= ERRORS).then_some(SqlError::TooMuchMemory)
    }
}

#[cfg(all(test, windows))]
mod tests {
    use std::os::windows::process::ExitStatusExt;

    use super::*;

    #[test]
    fn codes_of_the_system_say_which_limit_ended_a_process() {
        let time_max = Duration::from_secs(3);
        let by = |code| ended_by(ExitStatus::from_raw(code), time_max);
        for code in [1_816, 0xC000_0044] {
            assert!(matches!(by(code), Some(SqlError::TooSlow(_))), "{code:x}");
        }
        // The end of the stack, an abort, an address that is not there.
        for code in [0xC000_00FD, 0xC000_0409, 0xC000_0005] {
            assert!(matches!(by(code), Some(SqlError::TooMuchMemory)), "{code:x}");
        }
        for code in [0, 1, 101] {
            assert!(by(code).is_none(), "{code}");
        }
    }
}
