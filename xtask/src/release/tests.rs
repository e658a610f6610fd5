use std::path::Path;

use super::*;

const CHANGELOG: &str =
    "# Changelog\n\n## Unreleased\n\n### Added\n\n- a\n- b\n\n## 0.1.0 (2026-01-01)\n\n- old\n";

fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

/// A checkout with copies of the real files, and something that is not released yet.
fn checkout() -> (tempfile::TempDir, Workspace) {
    let real = Workspace::find().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for path in PLACES.iter().map(|place| place.path).chain([changelog::PATH]) {
        let copy = folder.path().join(path);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(real.path(path), copy).unwrap();
    }
    // After a release, nothing is unreleased.
    let path = folder.path().join(changelog::PATH);
    let text = fs::read_to_string(&path).unwrap();
    if changelog::cut(&text, &version("7.8.9"), "2026-12-31").is_err() {
        let text = text.replacen("## Unreleased\n", "## Unreleased\n\n- a change\n", 1);
        fs::write(path, text).unwrap();
    }
    let workspace = Workspace::new(folder.path(), folder.path().join("target"));
    (folder, workspace)
}

fn texts(folder: &Path) -> Vec<String> {
    let paths = PLACES.iter().map(|place| place.path).chain([changelog::PATH]);
    paths.map(|path| fs::read_to_string(folder.join(path)).unwrap()).collect()
}

#[test]
fn a_release_changes_every_place_that_has_the_version() {
    let (folder, workspace) = checkout();
    let before = current(&workspace).unwrap();
    set(&workspace, &version("7.8.9"), "2026-12-31").unwrap();
    assert_eq!(current(&workspace).unwrap(), version("7.8.9"));
    for (place, text) in PLACES.iter().zip(texts(folder.path())) {
        place.replace(&text, &version("7.8.9"), &before).unwrap();
        place.replace(&text, &before, &before).unwrap_err();
    }
    let changelog = fs::read_to_string(folder.path().join(changelog::PATH)).unwrap();
    assert!(changelog.contains("\n## Unreleased\n\n## 7.8.9 (2026-12-31)\n\n"), "{changelog}");
    // And again, as the release after that.
    let text = changelog.replacen("## Unreleased\n", "## Unreleased\n\n- a change\n", 1);
    fs::write(folder.path().join(changelog::PATH), text).unwrap();
    set(&workspace, &version("7.8.10"), "2027-01-01").unwrap();
}

#[test]
fn a_place_that_disagrees_stops_the_release_and_nothing_is_changed() {
    // All but the first, which is what the others are compared with.
    for place in &PLACES[1..] {
        let (folder, workspace) = checkout();
        let current = current(&workspace).unwrap();
        let path = folder.path().join(place.path);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, place.replace(&text, &current, &version("6.6.6")).unwrap()).unwrap();
        let before = texts(folder.path());
        let error = set(&workspace, &version("7.8.9"), "2026-12-31").unwrap_err().to_string();
        assert!(error.contains(place.path), "{error}");
        assert!(texts(folder.path()) == before, "a file was changed");
    }
}

#[test]
fn a_lower_version_is_refused() {
    let (_folder, workspace) = checkout();
    let error = set(&workspace, &version("0.0.9"), "2026-12-31").unwrap_err().to_string();
    assert!(error.contains("0.0.9 is lower than"), "{error}");
}

#[test]
fn the_changelog_gets_a_section_and_an_empty_one_for_what_follows() {
    assert_eq!(
        changelog::cut(CHANGELOG, &version("0.2.0"), "2026-12-31").unwrap(),
        "# Changelog\n\n## Unreleased\n\n## 0.2.0 (2026-12-31)\n\n### Added\n\n- a\n- b\n\n\
         ## 0.1.0 (2026-01-01)\n\n- old\n"
    );
}

#[test]
fn the_first_release_no_longer_says_that_there_is_none() {
    let text = "# Changelog\n\n## Unreleased\n\nNothing has been released yet. The first\nis \
                soon.\n\n- a\n";
    assert_eq!(
        changelog::cut(text, &version("0.1.0"), "2026-12-31").unwrap(),
        "# Changelog\n\n## Unreleased\n\n## 0.1.0 (2026-12-31)\n\n- a\n"
    );
}

#[test]
fn a_release_without_changes_or_with_a_used_version_is_refused() {
    let refused =
        |text: &str, next| changelog::cut(text, &version(next), "").unwrap_err().to_string();
    assert!(refused(CHANGELOG, "0.1.0").contains("a section for 0.1.0 already"));
    assert!(refused("## Unreleased\n\n## 0.1.0\n\n- a\n", "0.2.0").contains("lists no change"));
    assert!(refused("# Changelog\n", "0.2.0").contains("no `## Unreleased`"));
}

#[test]
fn versions_are_ordered_and_anything_else_is_refused() {
    let ordered = [
        "0.1.0-1",
        "0.1.0-rc",
        "0.1.0-rc.1",
        "0.1.0-rc.2",
        "0.1.0-rc.10",
        "0.1.0",
        "0.2.0-rc.1",
        "0.2.0",
        "0.10.0",
        "1.0.0",
    ]
    .map(version);
    assert!(ordered.is_sorted());
    for text in ["", "1", "1.2", "1.2.3.4", "v1.2.3", "01.2.3", "1.2.x", "1.2.3-", "1.2.3-a..b"] {
        assert!(Version::parse(text).is_err(), "{text}");
    }
    assert_eq!(version("1.2.3-rc.1").to_string(), "1.2.3-rc.1");
}
