//! Other people's programs: where they are.

use std::path::PathBuf;

/// The program of this name: in the folder that `variable` names, or else on the path.
pub(crate) fn find(name: &str, variable: &str) -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(variable) {
        return Some(PathBuf::from(folder).join(name)).filter(|path| path.is_file());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
}
