//! Shortening a file that is open for appending.

use std::fs::File;
use std::io;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _};

use windows_sys::Win32::Foundation::{GENERIC_WRITE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE, ReOpenFile,
};

/// Shortens an open file to `bytes`, also one that is open for appending only, of which
/// [`File::set_len`] is refused.
///
/// # Errors
/// When the system refuses it.
pub fn truncate(file: &File, bytes: u64) -> io::Result<()> {
    let shared = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    // SAFETY: the handle is open.
    let handle = unsafe { ReOpenFile(file.as_raw_handle(), GENERIC_WRITE, shared, 0) };
    if handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call before opened it, and nobody else closes it.
    unsafe { File::from_raw_handle(handle) }.set_len(bytes)
}
