//! Files and directories that only the user of the process can use, whatever the umask is, and that
//! are what their names say: a link, a FIFO or a device in place of a file is never opened.

use std::fs::{DirBuilder, File, FileType, OpenOptions, symlink_metadata};
use std::io;
use std::path::Path;

/// Makes files and directories private that others create in this process, such as SQLite, and
/// usable where the umask takes permissions from the user, too. It holds for the whole process, so
/// only the binary calls it, before it starts threads.
#[cfg(unix)]
pub fn make_process_private() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}

/// Other systems have no umask.
#[cfg(not(unix))]
pub fn make_process_private() {}

/// Creates a directory and those above it that do not exist, for the user of the process only.
pub(crate) fn create_dir_all(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Opens a regular file as `options` say. If that creates it, only the user of the process may use
/// it.
///
/// # Errors
/// Also when the last part of `path` is a link, or anything else that is not a regular file.
pub(crate) fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        // A FIFO would block the call without NONBLOCK, which means nothing to a regular file.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        options.mode(0o600).custom_flags(flags.bits().cast_signed());
    }
    #[cfg(not(unix))]
    check_regular(path)?;
    let file = options.open(path).map_err(|error| check_regular(path).err().unwrap_or(error))?;
    check_type(file.metadata()?.file_type())?;
    Ok(file)
}

/// Creates a file that must not exist yet, not even as a link that leads nowhere.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().write(true).create_new(true), path)
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
        open(OpenOptions::new().append(true).create(true), &file).unwrap();
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
            let append = open(OpenOptions::new().append(true).create(true), &at(name));
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
