//! Warnings about what other users of the machine can read.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::harness::{Server, command};

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn a_data_directory_that_others_can_open_is_a_warning_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    for mode in [0o755, 0o750, 0o701, 0o777] {
        set_mode(&data, mode);
        let log = Server::serve(&data).stop_with_log();
        let path = data.display();
        let remedy = format!("its mode is {mode:03o}): close it with `chmod -R go= {path}`");
        assert!(log.contains(&remedy), "{log}");
        assert_eq!(data.metadata().unwrap().permissions().mode() & 0o777, mode, "left as it is");
    }
    set_mode(&data, 0o700);
    let log = Server::serve(&data).stop_with_log();
    assert!(!log.contains("other users"), "{log}");
    let log = Server::serve(&dir.path().join("new")).stop_with_log();
    assert!(!log.contains("other users"), "{log}");
}

#[test]
fn a_secret_in_an_argument_is_a_warning_and_a_public_key_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let mut serve = command("serve", dir.path());
    for (flag, variable, value) in [
        ("--admin-token", "LAMPLIGHT_ADMIN_TOKEN", "at_a_canary_that_is_long"),
        ("--secret-key", "LAMPLIGHT_SECRET_KEY", "sk_a_canary_that_is_long"),
        ("--write-key", "LAMPLIGHT_WRITE_KEY", "wk_a_canary_that_is_long"),
    ] {
        serve.env_remove(variable).args([flag, value]);
    }
    let log = Server::start(serve).stop_with_log();
    for (flag, variable) in
        [("admin-token", "LAMPLIGHT_ADMIN_TOKEN"), ("secret-key", "LAMPLIGHT_SECRET_KEY")]
    {
        let said = format!("a secret is in the argument --{flag}, and other users");
        let remedy = format!("set the environment variable {variable}, or");
        assert!(log.contains(&said) && log.contains(&remedy), "{log}");
    }
    assert!(!log.contains("--write-key") && !log.contains("canary"), "{log}");
    let log = Server::serve(dir.path()).stop_with_log();
    assert!(!log.contains("a secret is in"), "the variables are the remedy: {log}");
}

#[test]
fn a_configuration_file_with_secrets_that_others_can_read_is_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("lamplight.toml");
    let log = |toml: &str, mode: u32| {
        std::fs::write(&config, toml).unwrap();
        set_mode(&config, mode);
        let mut serve = command("serve", &dir.path().join("data"));
        serve.env_remove("LAMPLIGHT_ADMIN_TOKEN").arg("--config").arg(&config);
        Server::start(serve).stop_with_log()
    };
    let secrets = "admin_token = 'at_a_canary_that_is_long'\n[sinks.hook]\nkind = 'webhook'\n\
                   url = 'http://127.0.0.1:9/canary'\nsecret = 'a canary of enough bytes'";
    let said = log(secrets, 0o644);
    let path = config.display();
    for part in [
        format!("can read secrets in {path} (its mode is 644; it sets "),
        "`admin_token`, `sinks.hook.".into(),
        format!("close it with `chmod o= {path}`"),
    ] {
        assert!(said.contains(&part), "{said}");
    }
    assert!(!said.contains("canary"), "{said}");
    for (toml, mode) in [(secrets, 0o600), (secrets, 0o640), ("write_key = 'wk_public_key'", 0o644)]
    {
        let said = log(toml, mode);
        assert!(!said.contains("can read secrets"), "{mode:o} {said}");
    }
}
