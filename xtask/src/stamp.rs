//! Skips a build step when nothing that it reads and nothing that it wrote has changed.
//!
//! After a step has succeeded, its stamp lists a hash for each of its inputs and outputs. The step
//! is skipped only while all of them are the same. Contents decide, not times: a checkout, a copy
//! or a restored file changes times without changing contents, and the reverse.
//!
//! The stamp is removed before a step runs and written when it has ended, so an interrupted step
//! runs again. Inputs are hashed before the step runs, so an edit made meanwhile is noticed by the
//! next run.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::hash::Hasher;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::report::Outcome;
use crate::workspace::Workspace;

/// A build step with everything that decides what it writes.
pub(crate) struct CachedStep<'a> {
    workspace: &'a Workspace,
    name: String,
    paths: Vec<PathBuf>,
    skipped: Vec<PathBuf>,
    values: BTreeMap<String, String>,
    outputs: Vec<PathBuf>,
}

/// Stands for the hash of a file that does not exist.
const MISSING: &str = "missing";

/// A line for each input and output: what it is, and its hash or value.
type Entries = BTreeMap<String, String>;

impl<'a> CachedStep<'a> {
    /// A step. Its name is its heading, and the name of its stamp.
    pub(crate) fn new(workspace: &'a Workspace, name: &str) -> Self {
        Self {
            workspace,
            name: name.to_owned(),
            paths: Vec::new(),
            skipped: Vec::new(),
            values: BTreeMap::new(),
            outputs: Vec::new(),
        }
    }

    /// Declares files, and folders with all that is below them, that the step reads. A path that
    /// does not exist is an input too: creating it makes the step run.
    pub(crate) fn reads(mut self, paths: impl IntoIterator<Item = PathBuf>) -> Self {
        self.paths.extend(paths);
        self
    }

    /// Leaves out a path below one of the inputs that the step does not read. Outputs are left out
    /// anyway.
    pub(crate) fn except(mut self, path: PathBuf) -> Self {
        self.skipped.push(path);
        self
    }

    /// Declares something else that decides what the step writes: a flag, a tool's version.
    pub(crate) fn depends_on(mut self, what: &str, value: impl Into<String>) -> Self {
        self.values.insert(what.to_owned(), value.into().escape_default().to_string());
        self
    }

    /// Declares the environment variables whose names begin with one of `prefixes`.
    pub(crate) fn depends_on_variables(self, prefixes: &[&str]) -> Self {
        let lossy = |text: OsString| text.to_string_lossy().into_owned();
        let all = std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value)));
        self.depends_on("the environment", variables(prefixes, all))
    }

    /// Declares a file, or a folder with all that is below it, that the step writes.
    pub(crate) fn writes(mut self, path: PathBuf) -> Self {
        self.outputs.push(path);
        self
    }

    /// Runs `action`, unless the step is up to date.
    pub(crate) fn run(self, action: impl FnOnce() -> Result<()>) -> Result<()> {
        let folder = self.workspace.target().join("stamps");
        fs::create_dir_all(&folder)
            .with_context(|| format!("failed to create {}", folder.display()))?;
        let _lock = lock(&folder)?;
        let stamp = folder.join(self.name.replace(' ', "-"));
        let mut entries = self.inputs()?;
        let Some(reason) = self.reason_to_run(&stamp, &entries)? else {
            println!("=== {}: unchanged", self.name);
            self.workspace.record(&self.name, Outcome::Unchanged, std::time::Duration::ZERO);
            return Ok(());
        };
        println!("\n{} runs: {reason}", self.name);
        remove_if_present(&stamp)?;
        action()?;
        if let Some(output) = self.outputs.iter().find(|output| !output.exists()) {
            bail!("{} has ended without writing {}", self.name, output.display());
        }
        entries.extend(self.hashes("output", &self.outputs, &[])?);
        write_stamp(&stamp, &entries)
    }

    /// Why the step has to run, if it does.
    fn reason_to_run(&self, stamp: &Path, inputs: &Entries) -> Result<Option<String>> {
        let text = match fs::read_to_string(stamp) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Some("there is no record of a complete run".to_owned()));
            }
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("failed to read the stamp {}", stamp.display()));
            }
        };
        let mut current = inputs.clone();
        current.extend(self.hashes("output", &self.outputs, &[])?);
        Ok(first_difference(&parse(&text), &current))
    }

    fn inputs(&self) -> Result<Entries> {
        let skipped = [&self.skipped[..], &self.outputs[..]].concat();
        let mut entries = self.hashes("input", &self.paths, &skipped)?;
        for (what, value) in &self.values {
            entries.insert(format!("value {what}"), value.clone());
        }
        Ok(entries)
    }

    fn hashes(&self, kind: &str, paths: &[PathBuf], skipped: &[PathBuf]) -> Result<Entries> {
        let mut files = BTreeMap::new();
        for path in paths {
            hash_below(path, skipped, &mut files)?;
        }
        let root = self.workspace.path("");
        let named = |path: PathBuf| {
            let path = path.strip_prefix(&root).unwrap_or(&path);
            format!("{kind} {}", path.display())
        };
        Ok(files.into_iter().map(|(path, hash)| (named(path), hash)).collect())
    }
}

/// Adds the hash of a file, or of every file below a folder.
fn hash_below(
    path: &Path,
    skipped: &[PathBuf],
    hashes: &mut BTreeMap<PathBuf, String>,
) -> Result<()> {
    if skipped.iter().any(|skipped| skipped == path) {
        return Ok(());
    }
    let failed = || format!("failed to read {}", path.display());
    let hash = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            for child in fs::read_dir(path).with_context(failed)? {
                hash_below(&child.with_context(failed)?.path(), skipped, hashes)?;
            }
            return Ok(());
        }
        Ok(_) => hash(&fs::read(path).with_context(failed)?),
        Err(error) if error.kind() == ErrorKind::NotFound => MISSING.to_owned(),
        Err(error) => return Err(error).with_context(failed),
    };
    hashes.insert(path.to_path_buf(), hash);
    Ok(())
}

/// The variables whose names begin with one of `prefixes`, in an order that does not change.
fn variables(prefixes: &[&str], all: impl Iterator<Item = (String, String)>) -> String {
    let mut lines: Vec<_> = all
        .filter(|(name, _)| prefixes.iter().any(|prefix| name.starts_with(prefix)))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    lines.sort();
    lines.join("\n")
}

/// Lets one process at a time decide about and run steps: two builds in one checkout would each
/// read what the other has half written. The lock is released when the file is closed.
fn lock(folder: &Path) -> Result<fs::File> {
    let path = folder.join("lock");
    let failed = || format!("failed to lock {}", path.display());
    let file = fs::File::create(&path).with_context(failed)?;
    if file.try_lock().is_err() {
        println!("waiting for another cargo xtask in this checkout");
        file.lock().with_context(failed)?;
    }
    Ok(file)
}

/// Writes the stamp in one go: a stamp that exists is complete.
fn write_stamp(path: &Path, entries: &Entries) -> Result<()> {
    let lines: Vec<_> = entries.iter().map(|(what, hash)| format!("{what}\t{hash}\n")).collect();
    let draft = path.with_extension("draft");
    fs::write(&draft, lines.concat())
        .and_then(|()| fs::rename(&draft, path))
        .with_context(|| format!("failed to write the stamp {}", path.display()))
}

fn parse(text: &str) -> Entries {
    text.lines()
        .filter_map(|line| line.rsplit_once('\t'))
        .map(|(what, hash)| (what.to_owned(), hash.to_owned()))
        .collect()
}

/// Says what is different, or `None` when nothing is.
fn first_difference(before: &Entries, now: &Entries) -> Option<String> {
    let name = |entry: &str| entry.split_once(' ').map_or("", |(_, name)| name).to_owned();
    for (entry, hash) in now {
        match before.get(entry) {
            Some(old) if old == hash => {}
            Some(_) if hash == MISSING => return Some(format!("{} was removed", name(entry))),
            Some(_) => return Some(format!("{} has changed", name(entry))),
            None => return Some(format!("{} was added", name(entry))),
        }
    }
    let removed = before.keys().find(|entry| !now.contains_key(*entry))?;
    Some(format!("{} was removed", name(removed)))
}

/// A hash of 64 bits for noticing changes, as Cargo's own fingerprints are. Nobody attacks it, and
/// another version of the standard library may at worst make steps run again.
fn hash(bytes: &[u8]) -> String {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(bytes);
    format!("{:016x}", hasher.finish())
}

fn remove_if_present(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("failed to remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
