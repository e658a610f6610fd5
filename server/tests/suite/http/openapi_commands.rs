//! The commands that the page of the API shows, run as they are.

use std::process::Command;

use super::openapi::operations;
use super::set_aside::leave_two_set_aside;
use crate::harness::{ADMIN_TOKEN, SECRET_KEY, Server, WRITE_KEY, command};

const P: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// The commands that the page shows.
fn commands(page: &str) -> Vec<String> {
    let commands = page.split("<pre tabindex=\"0\"><code>").skip(1);
    let commands = commands.map(|rest| rest.split("</code>").next().unwrap());
    let unescaped = commands.map(|html| {
        html.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
    });
    unescaped.collect()
}

#[test]
fn every_command_on_the_page_succeeds() {
    let dir = tempfile::tempdir().unwrap();
    let [payload, other] = leave_two_set_aside(dir.path());
    let config = dir.path().join("lamplight.toml");
    let archive = dir.path().join("archive").display().to_string();
    std::fs::write(&config, format!("[sinks.archive]\nkind = 'file'\npath = '{archive}'\n"))
        .unwrap();
    let mut serve = command("serve", dir.path());
    serve.arg("--config").arg(&config);
    let server = Server::start(serve);
    let events = format!(
        r#"[{{"name":"a","producer":"{P}","seq":1}},{{"name":"order_paid","id":"order-1042-paid"}}]"#
    );
    assert_eq!(server.send(&events).status, 200);
    server.settled();
    let keys = server.read("/api/keys").json();
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kind"] == "write").unwrap();
    let commands = commands(&server.get("/api/docs", &[]).text);
    assert_eq!(commands.len(), operations().len());
    for text in commands {
        // Only these ids are made by the server, and scripts are not in every binary.
        let text = text
            .replace("0190b7a4-5f2c-7d3e-8a1b-2c3d4e5f6a7b", &payload)
            .replace("0190b7a4-5f2c-7d3e-8a1b-2c3d4e5f6a7c", &other)
            .replace("wk_0123456789ab", key["id"].as_str().unwrap());
        let is_stream = text.contains("/api/live");
        let curl =
            text.replacen("curl ", "curl -s --max-time 5 -o /dev/null -w '%{http_code}' ", 1);
        let curl = if is_stream { curl.replace("--max-time 5", "--max-time 1") } else { curl };
        let output = Command::new("sh")
            .args(["-c", &curl])
            .env("LAMPLIGHT_URL", &server.url)
            .env("LAMPLIGHT_WRITE_KEY", WRITE_KEY)
            .env("LAMPLIGHT_SECRET_KEY", SECRET_KEY)
            .env("LAMPLIGHT_ADMIN_TOKEN", ADMIN_TOKEN)
            .output()
            .unwrap();
        let status = String::from_utf8_lossy(&output.stdout);
        let is_script = text.contains("/lamplight");
        assert!(status.starts_with('2') || (is_script && status != "000"), "{curl}: {status}");
        assert!(output.status.success() || is_stream, "{curl}: {output:?}");
    }
}
