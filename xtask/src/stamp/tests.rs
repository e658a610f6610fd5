use std::cell::Cell;

use super::*;

/// A checkout with one step, which concatenates the files of `src` into `out/all.txt`.
struct Checkout {
    folder: tempfile::TempDir,
    runs: Cell<u32>,
}

impl Checkout {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let checkout = Self { folder, runs: Cell::new(0) };
        checkout.write("src/a.txt", "a");
        checkout.write("src/deep/b.txt", "b");
        checkout
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    fn write(&self, relative: &str, text: &str) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn workspace(&self) -> Workspace {
        Workspace::new(self.folder.path(), self.path("target"))
    }

    /// Runs the step with `flag` and `action`, and tells whether it was skipped.
    fn run(&self, flag: &str, action: impl FnOnce() -> Result<()>) -> Result<bool> {
        let workspace = self.workspace();
        let runs = self.runs.get();
        CachedStep::new(&workspace, "join files")
            .reads([self.path("src"), self.path("settings.toml")])
            .except(self.path("src/notes"))
            .depends_on("flag", flag)
            .writes(self.path("out"))
            .run(|| {
                self.runs.set(runs + 1);
                action()
            })?;
        let is_skipped = self.runs.get() == runs;
        let unchanged = workspace.steps().iter().any(|row| row.outcome == Outcome::Unchanged);
        assert_eq!(is_skipped, unchanged, "the table says what happened");
        Ok(is_skipped)
    }

    fn build(&self) -> bool {
        self.run("-O", || {
            self.write("out/all.txt", "ab");
            self.write("out/more/index.txt", "2");
            Ok(())
        })
        .unwrap()
    }

    /// A checkout whose step has run and is up to date.
    fn built() -> Self {
        let checkout = Self::new();
        assert!(!checkout.build(), "the first run is never skipped");
        assert!(checkout.build(), "nothing has changed since");
        checkout
    }

    /// Asserts that the step runs once more, and is up to date after that.
    fn assert_rebuilds(&self) {
        assert!(!self.build(), "the change must make the step run");
        assert!(self.build(), "one run is enough");
    }
}

#[test]
fn a_step_runs_once_while_nothing_changes() {
    let checkout = Checkout::built();
    assert!(checkout.build());
    assert_eq!(checkout.runs.get(), 1);
}

#[test]
fn a_changed_input_makes_the_step_run() {
    let checkout = Checkout::built();
    checkout.write("src/deep/b.txt", "B");
    checkout.assert_rebuilds();
}

#[test]
fn a_change_that_keeps_size_and_modification_time_makes_the_step_run() {
    let checkout = Checkout::built();
    let path = checkout.path("src/a.txt");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    checkout.write("src/a.txt", "x");
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    checkout.assert_rebuilds();
}

#[test]
fn a_rewritten_input_with_the_same_contents_changes_nothing() {
    let checkout = Checkout::built();
    fs::remove_file(checkout.path("src/a.txt")).unwrap();
    checkout.write("src/a.txt", "a");
    assert!(checkout.build());
}

#[test]
fn an_added_input_makes_the_step_run() {
    let checkout = Checkout::built();
    checkout.write("src/deep/c.txt", "");
    checkout.assert_rebuilds();
}

#[test]
fn an_input_that_did_not_exist_makes_the_step_run_once_it_does() {
    let checkout = Checkout::built();
    checkout.write("settings.toml", "");
    checkout.assert_rebuilds();
    fs::remove_file(checkout.path("settings.toml")).unwrap();
    checkout.assert_rebuilds();
}

#[test]
fn a_removed_input_makes_the_step_run() {
    let checkout = Checkout::built();
    fs::remove_file(checkout.path("src/deep/b.txt")).unwrap();
    checkout.assert_rebuilds();
}

#[test]
fn a_renamed_input_makes_the_step_run() {
    let checkout = Checkout::built();
    fs::rename(checkout.path("src/a.txt"), checkout.path("src/c.txt")).unwrap();
    checkout.assert_rebuilds();
}

#[test]
fn a_changed_flag_makes_the_step_run() {
    let checkout = Checkout::built();
    assert!(!checkout.run("-Oz", || Ok(())).unwrap());
    assert!(checkout.run("-Oz", || Ok(())).unwrap());
}

#[test]
fn a_deleted_output_makes_the_step_run() {
    let checkout = Checkout::built();
    fs::remove_file(checkout.path("out/more/index.txt")).unwrap();
    checkout.assert_rebuilds();
    fs::remove_dir_all(checkout.path("out")).unwrap();
    checkout.assert_rebuilds();
}

#[test]
fn an_output_that_something_else_wrote_makes_the_step_run() {
    let checkout = Checkout::built();
    checkout.write("out/all.txt", "of another version");
    checkout.assert_rebuilds();
    checkout.write("out/left-over.txt", "");
    assert!(!checkout.build());
}

#[test]
fn a_failed_step_runs_again_even_when_its_inputs_are_restored() {
    let checkout = Checkout::built();
    checkout.write("src/a.txt", "broken");
    let failed = checkout.run("-O", || bail!("syntax error"));
    assert_eq!(failed.unwrap_err().to_string(), "syntax error");
    checkout.write("src/a.txt", "a");
    checkout.assert_rebuilds();
}

#[test]
fn an_interrupted_step_runs_again() {
    let checkout = Checkout::built();
    checkout.write("src/a.txt", "A");
    let interrupted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        checkout.run("-O", || {
            checkout.write("out/all.txt", "half");
            panic!("the process was killed here")
        })
    }));
    assert!(interrupted.is_err());
    checkout.assert_rebuilds();
}

#[test]
fn a_stamp_that_was_cut_off_makes_the_step_run() {
    let checkout = Checkout::built();
    let stamp = checkout.path("target/stamps/join-files");
    let text = fs::read_to_string(&stamp).unwrap();
    for length in [0, 1, text.len() / 2, text.len() - 4] {
        fs::write(&stamp, &text[..length]).unwrap();
        checkout.assert_rebuilds();
    }
}

#[test]
fn an_edit_during_the_step_makes_it_run_again() {
    let checkout = Checkout::new();
    checkout
        .run("-O", || {
            checkout.write("out/all.txt", "ab");
            checkout.write("src/a.txt", "edited meanwhile");
            Ok(())
        })
        .unwrap();
    checkout.assert_rebuilds();
}

#[test]
fn a_step_that_leaves_no_output_fails_and_runs_again() {
    let checkout = Checkout::new();
    let error = checkout.run("-O", || Ok(())).unwrap_err();
    assert!(error.to_string().contains("has ended without writing"), "{error}");
    checkout.assert_rebuilds();
}

#[test]
fn what_the_step_does_not_read_changes_nothing() {
    let checkout = Checkout::built();
    checkout.write("src/notes/ideas.txt", "");
    checkout.write("README.md", "");
    assert!(checkout.build());
}

#[test]
fn the_reason_to_run_names_the_file() {
    let entries = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(what, hash)| ((*what).to_owned(), (*hash).to_owned())).collect()
    };
    let before: Entries = entries(&[("input a.rs", "1"), ("input b.rs", "2"), ("value f", "-O")]);
    let reason = |now: &[(&str, &str)]| first_difference(&before, &entries(now));
    let same = [("input a.rs", "1"), ("input b.rs", "2"), ("value f", "-O")];
    assert_eq!(reason(&same), None);
    assert_eq!(reason(&same[..2]).unwrap(), "f was removed");
    assert_eq!(reason(&[("input a.rs", "9")]).unwrap(), "a.rs has changed");
    assert_eq!(reason(&[("input a.rs", "missing")]).unwrap(), "a.rs was removed");
    assert_eq!(reason(&[("input A.rs", "1")]).unwrap(), "A.rs was added");
}

#[test]
fn variables_that_configure_the_step_are_inputs_in_any_order() {
    let of = |pairs: &[(&str, &str)]| {
        let all = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        variables(&["RUSTFLAGS", "CARGO_PROFILE_"], all)
    };
    let flags = ("RUSTFLAGS", "-Copt-level=0");
    let profile = ("CARGO_PROFILE_WASM_LTO", "off");
    assert_eq!(of(&[flags, profile]), of(&[("HOME", "/tmp"), profile, flags]));
    assert_ne!(of(&[flags, profile]), of(&[flags]));
    assert_ne!(of(&[flags]), of(&[("RUSTFLAGS", "-Copt-level=1")]));
    assert_eq!(of(&[("CARGO_PKG_NAME", "xtask")]), "");
}
