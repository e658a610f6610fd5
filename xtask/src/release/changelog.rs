//! The changelog: what is under "Unreleased" becomes the section of a release.

use anyhow::{Context, Result, ensure};

use super::version::Version;

pub(super) const PATH: &str = "CHANGELOG.md";

const UNRELEASED: &str = "## Unreleased\n";
/// What the section begins with before the first release.
const NONE_YET: &str = "Nothing has been released yet.";

/// The text in which a release of this day has what was unreleased.
pub(super) fn cut(text: &str, version: &Version, day: &str) -> Result<String> {
    ensure!(
        !text.lines().any(|line| is_section_of(line, version)),
        "failed to prepare the release: {PATH} has a section for {version} already. Choose the next \
         version"
    );
    let (before, rest) = text
        .split_once(UNRELEASED)
        .with_context(|| format!("failed to prepare the release: {PATH} has no `## Unreleased`"))?;
    let (section, after) = match rest.find("\n## ") {
        Some(end) => rest.split_at(end + 1),
        None => (rest, ""),
    };
    let section = match section.trim_start().strip_prefix(NONE_YET) {
        // The paragraph that says so.
        Some(rest) => rest.split_once("\n\n").map_or("", |(_, rest)| rest),
        None => section,
    };
    let section = section.trim();
    ensure!(
        section.lines().any(|line| line.starts_with("- ")),
        "failed to prepare the release: {PATH} lists no change under `## Unreleased`"
    );
    let gap = if after.is_empty() { "" } else { "\n" };
    Ok(format!("{before}{UNRELEASED}\n## {version} ({day})\n\n{section}\n{gap}{after}"))
}

fn is_section_of(line: &str, version: &Version) -> bool {
    line.strip_prefix("## ").and_then(|rest| rest.split_whitespace().next())
        == Some(&version.to_string())
}
