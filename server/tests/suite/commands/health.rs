//! `lamplight healthcheck`.

use std::net::TcpListener;
use std::time::Duration;

use super::{lamplight, run, serve_at};
use crate::harness::now;

#[test]
fn it_finds_the_server_at_its_configured_address_however_that_is_written() {
    for (listen, probe) in [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("[::1]", "[::1]"),
        ("[::]", "[::1]"),
    ] {
        let Ok(free) = TcpListener::bind(format!("{probe}:0")) else {
            assert!(listen.starts_with('['), "{listen}");
            println!("this machine has no IPv6");
            continue;
        };
        let port = free.local_addr().unwrap().port();
        drop(free);
        let listen = format!("{listen}:{port}");
        let check = |more: &[&str]| {
            let mut command = lamplight(&["healthcheck"]);
            command.args(more).env("LAMPLIGHT_LISTEN", &listen);
            run(command)
        };
        let down = check(&[]);
        assert_eq!(down.code, Some(1), "{down:?}");
        assert!(down.stderr.contains("no program listens there"), "{down:?}");
        let dir = tempfile::tempdir().unwrap();
        // Listening on all addresses would be open to the network, so it is not tried.
        if listen.starts_with("0.0.0.0") || listen.starts_with("[::]") {
            let server = serve_at(dir.path(), &format!("{probe}:{port}"));
            assert_eq!(check(&[]).ok().stderr, "");
            server.stop();
            continue;
        }
        let server = serve_at(dir.path(), &listen);
        let begun = now();
        assert_eq!(check(&[]).ok().stderr, "");
        assert!(begun.elapsed() < Duration::from_secs(5));
        check(&["--alive"]).ok();
        server.stop();
        assert_eq!(check(&["--alive"]).code, Some(1));
    }
}

#[test]
fn a_server_that_is_not_ready_or_hangs_or_is_another_one_is_not_well() {
    let dir = tempfile::tempdir().unwrap();
    let mut serve = crate::harness::command("serve", dir.path());
    serve.args(["--disk-floor-mib", "4000000000"]);
    let server = crate::harness::Server::start(serve);
    let check = |url: &str, more: &[&str]| {
        let mut command = lamplight(&["healthcheck", "--url", url]);
        command.args(more);
        run(command)
    };
    let begun = now();
    while check(&server.url, &[]).code == Some(0) {
        assert!(begun.elapsed() < super::PATIENCE, "the disk is measured");
    }
    let full = check(&server.url, &[]);
    assert!(full.stderr.contains("the server's disk is nearly full"), "{full:?}");
    check(&server.url, &["--alive"]).ok();

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let begun = now();
    let ran = check(&url, &["--timeout", "1"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    let mut chosen = lamplight(&["healthcheck"]);
    chosen.env("LAMPLIGHT_LISTEN", "127.0.0.1:0");
    let ran = run(chosen);
    assert!(ran.code == Some(1) && ran.stderr.contains("--url"), "{ran:?}");
}
