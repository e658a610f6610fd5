//! Asking a process to stop, as a person or a supervisor does, and ending it without asking.

use std::process::Command;

/// Lets a command be asked to stop without everything else on the same console.
#[cfg(unix)]
pub(crate) fn by_itself(command: &mut Command) -> &mut Command {
    command
}

#[cfg(windows)]
pub(crate) fn by_itself(command: &mut Command) -> &mut Command {
    /// "Process Creation Flags", learn.microsoft.com.
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
    std::os::windows::process::CommandExt::creation_flags(command, CREATE_NEW_PROCESS_GROUP)
}

/// Sends SIGTERM. On Windows, presses Ctrl-Break for a process that [`by_itself`] has prepared.
pub(crate) fn ask_to_stop(pid: u32) {
    #[cfg(unix)]
    signal(pid, "-TERM");
    #[cfg(windows)]
    lamplight_windows::press_break(pid).unwrap();
}

/// Presses Ctrl-C, which Windows cannot do for one process: there, Ctrl-Break.
pub(crate) fn interrupt(pid: u32) {
    #[cfg(unix)]
    signal(pid, "-INT");
    #[cfg(windows)]
    lamplight_windows::press_break(pid).unwrap();
}

/// Freezes a process: it runs no further, and its connections stay open.
#[cfg(unix)]
pub(crate) fn freeze(pid: u32) {
    signal(pid, "-STOP");
}

/// Lets a frozen process go on.
#[cfg(unix)]
pub(crate) fn thaw(pid: u32) {
    signal(pid, "-CONT");
}

/// Ends a process at once.
pub(crate) fn kill(pid: u32) {
    #[cfg(unix)]
    signal(pid, "-KILL");
    #[cfg(windows)]
    {
        let pid = pid.to_string();
        assert!(Command::new("taskkill").args(["/F", "/PID", &pid]).status().unwrap().success());
    }
}

#[cfg(unix)]
fn signal(pid: u32, signal: &str) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}
