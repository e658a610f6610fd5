//! Creating directories and files for the user of the process only.

use std::fs::File;
use std::io;
use std::os::windows::io::FromRawHandle as _;
use std::path::Path;
use std::ptr::null_mut;

use windows_sys::Win32::Foundation::{GENERIC_READ, GENERIC_WRITE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Storage::FileSystem::{
    CREATE_NEW, CreateDirectoryW, CreateFileW, FILE_ATTRIBUTE_NORMAL, FILE_FLAG_OPEN_REPARSE_POINT,
    FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE,
};

use crate::checked;
use crate::descriptor::Descriptor;
use crate::path_text::wide;

/// Creates a directory that only the user of the process, the system and administrators can use,
/// with all that is created in it. File systems without access control, such as FAT, ignore that.
///
/// # Errors
/// As [`std::fs::create_dir`].
pub fn create_dir(path: &Path) -> io::Result<()> {
    let (path, descriptor) = (wide(path)?, Descriptor::private()?);
    let attributes = descriptor.attributes();
    // SAFETY: the path has a zero at its end, and the descriptor lives until after the call.
    checked(unsafe { CreateDirectoryW(path.as_ptr(), &raw const attributes) })
}

/// Creates a file that does not exist yet, not even as a link that leads nowhere, and opens it to
/// read and write. Only the user of the process, the system and administrators can use it.
///
/// # Errors
/// As [`File::create_new`].
pub fn create_file(path: &Path) -> io::Result<File> {
    let (path, descriptor) = (wide(path)?, Descriptor::private()?);
    let attributes = descriptor.attributes();
    // SAFETY: the path has a zero at its end, and the descriptor lives until after the call.
    let handle = unsafe {
        CreateFileW(
            path.as_ptr(),
            GENERIC_READ | GENERIC_WRITE,
            FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
            &raw const attributes,
            CREATE_NEW,
            FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OPEN_REPARSE_POINT,
            null_mut(),
        )
    };
    if handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call before opened it, and nobody else closes it.
    Ok(unsafe { File::from_raw_handle(handle) })
}
