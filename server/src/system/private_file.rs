//! Files and directories that only the user of the process can use, whatever the umask is, and that
//! are what their names say: a link, a FIFO or a device in place of a file is never opened.

use std::fs::{File, FileType, OpenOptions, symlink_metadata};
use std::io;
use std::path::Path;

/// `CreateFileW` and "File Attribute Constants", learn.microsoft.com.
#[cfg(windows)]
const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
#[cfg(windows)]
const FILE_ATTRIBUTE_REPARSE_POINT: u32 = 0x400;

/// Makes files and directories private that others create in this process, such as SQLite, and
/// usable where the umask takes permissions from the user, too. It holds for the whole process, so
/// only the binary calls it, before it starts threads.
#[cfg(unix)]
pub fn make_process_private() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}

/// Windows has no umask: what is created in a directory that [`create_dir_all`] created is as
/// private as that.
#[cfg(windows)]
pub fn make_process_private() {}

/// Creates a directory and those above it that do not exist, for the user of the process only.
#[cfg(unix)]
pub(crate) fn create_dir_all(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Creates a directory and those above it that do not exist, for the user of the process only.
#[cfg(windows)]
pub(crate) fn create_dir_all(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let created = match lamplight_windows::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create_dir_all(path.parent().ok_or(error)?)?;
            lamplight_windows::create_dir(path)
        }
        created => created,
    };
    // Somebody else may have created it meanwhile.
    created.or_else(|error| if path.is_dir() { Ok(()) } else { Err(error) })
}

/// Opens a regular file as `options` say, which create none: see [`open_or_create`].
///
/// # Errors
/// Also when the last part of `path` is a link, or anything else that is not a regular file.
pub(crate) fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(windows)]
    {
        use std::os::windows::fs::OpenOptionsExt;
        // A link is opened itself, and then refused.
        options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT);
    }
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        // A FIFO would block the call without NONBLOCK, which means nothing to a regular file.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        options.mode(0o600).custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path).map_err(|error| check_regular(path).err().unwrap_or(error))?;
    let metadata = file.metadata()?;
    check_type(metadata.file_type())?;
    #[cfg(windows)]
    {
        use std::os::windows::fs::{MetadataExt, OpenOptionsExt};
        // Such as a file that the system keeps compressed: what is behind the point is the file.
        if metadata.file_attributes() & FILE_ATTRIBUTE_REPARSE_POINT != 0 {
            return options.custom_flags(0).open(path);
        }
    }
    Ok(file)
}

/// Opens a regular file as `options` say. If there is none, it creates one that only the user of
/// the process may use.
///
/// # Errors
/// As those of [`open`].
pub(crate) fn open_or_create(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    // It must be private before it holds anything.
    #[cfg(windows)]
    ensure(path)?;
    #[cfg(unix)]
    options.create(true);
    open(options, path)
}

/// Creates a file that must not exist yet, not even as a link that leads nowhere.
#[cfg(unix)]
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().write(true).create_new(true), path)
}

/// Creates a file that must not exist yet, not even as a link that leads nowhere.
#[cfg(windows)]
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    let created = lamplight_windows::create_file(path);
    created.map_err(|error| check_regular(path).err().unwrap_or(error))
}

/// Creates an empty file, unless there is one already.
///
/// # Errors
/// Also when there is something else with this name.
pub(crate) fn ensure(path: &Path) -> io::Result<()> {
    match create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => check_regular(path),
        created => created.map(drop),
    }
}

/// Says what is there if it is something else than a regular file.
fn check_regular(path: &Path) -> io::Result<()> {
    symlink_metadata(path).map_or(Ok(()), |there| check_type(there.file_type()))
}

fn check_type(there: FileType) -> io::Result<()> {
    let what = if there.is_file() {
        return Ok(());
    } else if there.is_symlink() {
        "a symbolic link, which is not followed"
    } else if there.is_dir() {
        "a directory"
    } else {
        "a device, a FIFO or a socket"
    };
    Err(io::Error::other(format!("it is {what}: remove it, or put a regular file there")))
}

#[cfg(all(test, windows))]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn what_is_created_is_private_whatever_the_folder_above_allows() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        create_dir_all(&inner).unwrap();
        create_dir_all(&inner).unwrap();
        let file = dir.path().join("file");
        let mut append = OpenOptions::new();
        open_or_create(append.append(true), &file).unwrap().write_all(b"1").unwrap();
        open_or_create(append.append(true), &file).unwrap().write_all(b"2").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"12");
        for path in [&dir.path().join("a"), &inner, &file] {
            let others = lamplight_windows::others_with_access(path).unwrap();
            assert!(others.is_empty(), "{}: {}", path.display(), others.names());
        }
        assert_eq!(create_new(&file).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let refused = open_or_create(OpenOptions::new().append(true), &inner).unwrap_err();
        assert!(refused.to_string().contains("a directory"), "{refused}");
    }
}

// Modes, links and FIFOs are of Unix.
#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn what_is_created_is_private_and_what_exists_keeps_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        let inner = dir.path().join("a/b");
        create_dir_all(&inner).unwrap();
        let file = inner.join("file");
        ensure(&file).unwrap();
        assert_eq!((mode(&dir.path().join("a")), mode(&inner), mode(&file)), (0o700, 0o700, 0o600));
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
        ensure(&file).unwrap();
        open_or_create(OpenOptions::new().append(true), &file).unwrap();
        assert_eq!(mode(&file), 0o640);
        assert_eq!(create_new(&file).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn links_fifos_and_directories_are_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("target"), "kept").unwrap();
        symlink(at("target"), at("link")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        std::fs::create_dir(at("dir")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(at("fifo")).status().unwrap();
        assert!(made.success());
        for (name, what) in [
            ("link", "a symbolic link"),
            ("dangling", "a symbolic link"),
            ("dir", "a directory"),
            ("fifo", "a FIFO"),
        ] {
            let append = open_or_create(OpenOptions::new().append(true), &at(name));
            let read = open(OpenOptions::new().read(true), &at(name)).map(drop);
            for refused in [append.map(drop), read, ensure(&at(name))] {
                let error = refused.unwrap_err().to_string();
                assert!(error.contains(what), "{name}: {error}");
            }
        }
        assert_eq!(std::fs::read(at("target")).unwrap(), b"kept");
        assert!(!at("nowhere").exists());
    }
}
