//! Links in the data directory: the directory may be one, and no file in it is.

use std::os::unix::fs::symlink;

use super::refusal;
use crate::harness::{Server, command};

#[test]
fn a_data_directory_may_be_a_link() {
    let dir = tempfile::tempdir().unwrap();
    let (real, link) = (dir.path().join("real"), dir.path().join("link"));
    std::fs::create_dir(&real).unwrap();
    symlink(&real, &link).unwrap();
    let server = Server::serve(&link);
    assert_eq!(server.send(r#"[{"name":"a"}]"#).status, 200);
    assert_eq!(server.settled()["stored"], 1);
    assert_eq!(server.all_events().len(), 1);
    server.stop();
    assert!(real.join("store.db").is_file());
    assert_eq!(Server::serve(&real).settled()["stored"], 1);
}

#[test]
fn a_link_in_place_of_a_file_is_refused_and_nothing_is_created_behind_it() {
    for name in ["intake.db", "store.db", "lock"] {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let target = dir.path().join("target");
        symlink(&target, data.join(name)).unwrap();
        let said = refusal(command("serve", &data));
        assert!(said.contains("a symbolic link"), "{name}: {said}");
        assert!(!target.exists(), "{name}");
        std::fs::write(&target, "").unwrap();
        let said = refusal(command("serve", &data));
        assert!(said.contains("a symbolic link"), "{name}: {said}");
        assert_eq!(target.metadata().unwrap().len(), 0, "{name}");
    }
}

#[test]
fn a_link_to_nowhere_with_the_name_of_the_mark_makes_no_demo() {
    let dir = tempfile::tempdir().unwrap();
    symlink(dir.path().join("nowhere"), dir.path().join("created-by-lamplight-demo")).unwrap();
    assert!(
        refusal(command("serve", dir.path())).contains("it has the events of `lamplight demo`")
    );
    assert!(!dir.path().join("nowhere").exists());
}

#[test]
fn a_link_in_place_of_the_clock_is_replaced_and_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (data, target) = (dir.path().join("data"), dir.path().join("target"));
    Server::serve(&data).stop();
    std::fs::write(&target, "kept").unwrap();
    for name in ["clock", "clock.new"] {
        let _ = std::fs::remove_file(data.join(name));
        symlink(&target, data.join(name)).unwrap();
    }
    let server = Server::serve(&data);
    let begun = crate::harness::now();
    while data.join("clock").symlink_metadata().unwrap().is_symlink() {
        assert!(begun.elapsed().as_secs() < 30, "{}", server.log());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "kept");
}
