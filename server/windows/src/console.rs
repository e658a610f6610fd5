//! The console: styles, and asking a program in it to stop.

use std::io;

use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::System::Console::{
    CTRL_BREAK_EVENT, ENABLE_VIRTUAL_TERMINAL_PROCESSING, GenerateConsoleCtrlEvent, GetConsoleMode,
    GetStdHandle, STD_ERROR_HANDLE, STD_OUTPUT_HANDLE, SetConsoleMode,
};

use crate::checked;

/// Lets the console understand escape sequences on standard output and standard error, which it
/// shows as letters otherwise. Only consoles before Windows 10 cannot, on which nothing of this
/// runs.
pub fn show_escapes() {
    for which in [STD_OUTPUT_HANDLE, STD_ERROR_HANDLE] {
        let mut mode = 0;
        // SAFETY: handles may be of anything, which then has no mode.
        unsafe {
            let handle = GetStdHandle(which);
            let is_console = !handle.is_null()
                && handle != INVALID_HANDLE_VALUE
                && GetConsoleMode(handle, &raw mut mode) != 0;
            if is_console {
                SetConsoleMode(handle, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
            }
        }
    }
}

/// Presses Ctrl-Break for the processes of a group on this console. The first process of a group
/// gives it its number.
///
/// # Errors
/// When there is no such group.
pub fn press_break(group: u32) -> io::Result<()> {
    // SAFETY: there are no pointers.
    checked(unsafe { GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, group) })
}
