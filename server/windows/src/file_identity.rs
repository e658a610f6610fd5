//! Which file an open one is, and how many names it has.

use std::fs::File;
use std::io;
use std::os::windows::io::AsRawHandle as _;

use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_STANDARD_INFO, FileStandardInfo, GetFileInformationByHandle,
    GetFileInformationByHandleEx,
};

use crate::{checked, size};

/// Which file an open one is. Two open files with the same are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileIdentity {
    volume: u32,
    index: (u32, u32),
}

impl FileIdentity {
    /// That of `file`.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn of(file: &File) -> io::Result<Self> {
        let mut found = BY_HANDLE_FILE_INFORMATION::default();
        // SAFETY: the handle is open, and the pointer is to a local variable.
        checked(unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut found) })?;
        let index = (found.nFileIndexHigh, found.nFileIndexLow);
        Ok(Self { volume: found.dwVolumeSerialNumber, index })
    }
}

/// How many names an open file has. 0 once it is deleted.
///
/// # Errors
/// When the system does not say.
pub fn names(file: &File) -> io::Result<u64> {
    let mut found = FILE_STANDARD_INFO::default();
    let bytes = size::<FILE_STANDARD_INFO>();
    // SAFETY: the handle is open, and there is room for as many bytes as claimed.
    checked(unsafe {
        GetFileInformationByHandleEx(
            file.as_raw_handle(),
            FileStandardInfo,
            (&raw mut found).cast(),
            bytes,
        )
    })?;
    Ok(if found.DeletePending { 0 } else { u64::from(found.NumberOfLinks) })
}
