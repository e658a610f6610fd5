//! The files that contain the version.

use anyhow::{Result, ensure};

use super::version::Version;

/// A text with the version in a file.
pub(super) struct Place {
    /// The file.
    pub(super) path: &'static str,
    /// What precedes the version.
    before: &'static str,
    /// What follows it.
    after: &'static str,
}

/// Every place. `Cargo.lock` follows from the first two. The packages of the server get the version
/// when they are packed.
pub(super) const PLACES: &[Place] = &[
    Place { path: "Cargo.toml", before: "[workspace.package]\nversion = \"", after: "\"\n" },
    Place {
        path: "Cargo.toml",
        before: "lamplight-wire = { path = \"wire\", version = \"",
        after: "\" }",
    },
    Place {
        path: "npm/package.json",
        before: "\"name\": \"lamplight\",\n  \"version\": \"",
        after: "\"",
    },
    Place {
        path: "package-lock.json",
        before: "\"name\": \"lamplight\",\n      \"version\": \"",
        after: "\"",
    },
    Place {
        path: "examples/next/package-lock.json",
        before: "\"node_modules/lamplight\": {\n      \"version\": \"",
        after: "\"",
    },
    Place {
        path: "examples/vite-react/package-lock.json",
        before: "\"node_modules/lamplight\": {\n      \"version\": \"",
        after: "\"",
    },
    Place { path: "docs/openapi.json", before: "    \"version\": \"", after: "\"" },
    Place { path: "README.md", before: "lamplight-", after: ".tgz" },
];

impl Place {
    /// The file's text with the next version.
    pub(super) fn replace(&self, text: &str, current: &Version, next: &Version) -> Result<String> {
        let Self { path, before, after } = self;
        let found = format!("{before}{current}{after}");
        ensure!(
            text.contains(&found),
            "failed to set the version: {path} does not have {current}, the version of Cargo.toml, \
             where it has to be. This text is missing:\n{found}"
        );
        Ok(text.replace(&found, &format!("{before}{next}{after}")))
    }
}
