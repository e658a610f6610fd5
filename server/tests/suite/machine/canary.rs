//! A secret is planted in each secret setting, in each layer, with every kind of mistake. It never
//! appears in what the server prints.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::harness::now;

/// Planted where a secret belongs.
const CANARY: &str = "canary_8f3a2c91d7";

/// A command without any configuration but the one given.
fn lamplight(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lamplight"));
    command.current_dir(folder).args(args).stdin(Stdio::null());
    command.env("LAMPLIGHT_LOG", "trace").env("LAMPLIGHT_LISTEN", "127.0.0.1:0");
    command
}

/// All that a command prints until it ends. A server is ended a moment after it has started.
fn output(mut command: Command) -> String {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let printed = Arc::new(Mutex::new(Vec::new()));
    let readers = [
        read(child.stdout.take().unwrap(), Arc::clone(&printed)),
        read(child.stderr.take().unwrap(), Arc::clone(&printed)),
    ];
    let begun = now();
    while child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_mins(1), "{command:?} neither starts nor ends");
        if String::from_utf8_lossy(&printed.lock().unwrap()).contains("Stop with Ctrl-C") {
            std::thread::sleep(Duration::from_millis(100));
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    for reader in readers {
        reader.join().unwrap();
    }
    let printed = printed.lock().unwrap();
    String::from_utf8_lossy(&printed).into_owned()
}

/// Reads while the command runs, so that its pipe never fills up.
fn read(mut from: impl Read + Send + 'static, into: Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            into.lock().unwrap().extend(&bytes[..count]);
        }
    })
}

fn assert_hidden(what: &str, said: &str) {
    assert!(!said.is_empty(), "{what} says nothing");
    assert!(!said.contains(CANARY), "{what}:\n{said}");
    assert!(!said.contains("8f3a2c91d7"), "{what}:\n{said}");
}

#[test]
fn a_secret_on_a_wrong_command_line_is_not_quoted() {
    let dir = tempfile::tempdir().unwrap();
    for flag in ["--admin-token", "--secret-key", "--alerts-webhook-secret"] {
        let value = format!("at_{CANARY}");
        let joined = format!("{flag}={value}");
        for args in [
            vec!["serve", flag, &value, flag, &value],
            vec!["serve", &joined, &value],
            vec!["serve", &format!("{flag}="), &value],
            vec!["serve", &value],
            vec![&*value],
            vec!["serve", &format!("{flag}{value}")],
            vec!["serve", &format!("{flag}s={value}")],
            vec!["serve", &format!("{}={value}", flag.replace('-', "_"))],
            vec!["serve", &format!("-{flag}={value}")],
            vec!["serve", &flag[1..], &value],
            vec!["serve", &format!("{}={value}", &flag[1..])],
            vec!["serve", &format!("--{value}")],
            vec!["serve", &format!("-{value}")],
            vec!["serve", "--", &value],
            vec![flag, &value, "serve"],
            vec![&joined, "serve"],
            vec!["config", &joined, "print"],
            vec!["config", &value],
            vec!["config", "print", &value],
            vec!["replay", &joined],
            vec!["replay", "--from", "0", "--to", "1", &value],
            vec!["serve", "--mixpanel-token", &value],
            vec!["serve", &format!("--mixpanel-token={value}")],
            vec!["demo", &joined, &joined],
        ] {
            let output = lamplight(dir.path(), &args).output().unwrap();
            assert!(!output.status.success(), "{args:?}");
            let said =
                String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).to_string();
            assert_hidden(&format!("{args:?}"), &said);
        }
    }
    let said = output(lamplight(dir.path(), &["serve", CANARY]));
    assert!(said.contains("(hidden, because it may be a secret)"), "{said}");
    let said = output(lamplight(dir.path(), &["sevre"]));
    assert!(said.contains("'sevre'") && said.contains("'serve'"), "{said}");
}

#[test]
fn a_secret_in_a_wrong_variable_is_not_quoted() {
    let dir = tempfile::tempdir().unwrap();
    let hook = "[sinks.hook]\nkind = 'webhook'\nurl = 'http://127.0.0.1:9/'\nsecret = 'sixteen bytes ..'\n\
                [sinks.mix]\nkind = 'mixpanel'\ntoken = 't'\n";
    std::fs::write(dir.path().join("lamplight.toml"), hook).unwrap();
    for variable in [
        "LAMPLIGHT_ADMIN_TOKEN",
        "LAMPLIGHT_SECRET_KEY",
        "LAMPLIGHT_ALERTS_WEBHOOK_URL",
        "LAMPLIGHT_ALERTS_WEBHOOK_SECRET",
        "LAMPLIGHT_SINK_HOOK_URL",
        "LAMPLIGHT_SINK_HOOK_SECRET",
        "LAMPLIGHT_SINK_MIX_TOKEN",
        "LAMPLIGHT_SINK_MIX_URL",
        "LAMPLIGHT_SINK_MIX_SERVICE_ACCOUNT_SECRET",
    ] {
        for value in [
            format!("{CANARY} with spaces and {CANARY}"),
            format!("{CANARY}\n{CANARY}"),
            format!("whsec_{CANARY}!"),
            format!("https://user:{CANARY}@127.0.0.1:1/{CANARY}?{CANARY}"),
            format!("{CANARY}://{CANARY}"),
            format!("http://[{CANARY}"),
            format!("ö{CANARY}"),
            format!("{CANARY}{}", "x".repeat(300)),
            CANARY.to_owned(),
        ] {
            for name in [variable.to_owned(), format!("{variable}_FILE"), format!("{variable}X")] {
                let mut print = lamplight(dir.path(), &["config", "print"]);
                print.env(&name, &value);
                assert_hidden(&format!("print with {name}={value}"), &output(print));
            }
        }
        // Starting takes longer, so each variable has only the values that fail in different ways.
        for value in
            [format!("{CANARY} {CANARY}"), format!("http://u:{CANARY}@127.0.0.1:1/{CANARY}")]
        {
            for name in [variable.to_owned(), format!("{variable}_FILE")] {
                let mut serve = lamplight(dir.path(), &["serve"]);
                serve.env(&name, &value).env("RUST_BACKTRACE", "1");
                assert_hidden(&format!("serve with {name}={value}"), &output(serve));
            }
        }
        let mut help = lamplight(dir.path(), &["serve", "--help"]);
        help.env(variable, CANARY).env(format!("{variable}_FILE"), CANARY);
        assert_hidden(&format!("help with {variable}"), &output(help));
    }
}

// Variables of Windows are UTF-16.
#[cfg(unix)]
#[test]
fn a_variable_that_is_not_utf_8_is_not_quoted() {
    use std::os::unix::ffi::OsStringExt;
    let dir = tempfile::tempdir().unwrap();
    for variable in ["LAMPLIGHT_ADMIN_TOKEN", "LAMPLIGHT_SECRET_KEY", "LAMPLIGHT_ADMIN_TOKEN_FILE"]
    {
        let value = [CANARY.as_bytes(), b"\xff"].concat();
        let mut serve = lamplight(dir.path(), &["serve"]);
        serve.env(variable, std::ffi::OsString::from_vec(value));
        assert_hidden(variable, &output(serve));
    }
}

#[test]
fn a_secret_in_a_wrong_file_is_not_quoted() {
    let dir = tempfile::tempdir().unwrap();
    let mix = "[sinks.x]\nkind = 'mixpanel'\n";
    let hook = "[sinks.x]\nkind = 'webhook'\n";
    for (before, key) in [
        ("", "admin_token"),
        ("", "secret_key"),
        ("", "admin_token_file"),
        ("", "alerts_webhook_url"),
        ("", "alerts_webhook_secret"),
        ("[alerts]\n", "webhook_secret"),
        (mix, "token"),
        (mix, "service_account_secret"),
        (mix, "url"),
        (hook, "url"),
        (hook, "secret"),
    ] {
        let c = CANARY;
        for line in [
            format!("{key} = '{c}"),
            format!("{key} = \"{c}"),
            format!("{key} = {c}"),
            format!("{key} = \"{c}\\q\""),
            format!("{key} = '{c}' {c}"),
            format!("{key} = '{c}'\n{key} = '{c}'"),
            format!("{key} = ['{c}']"),
            format!("{key} = {{ a = '{c}' }}"),
            format!("{key} = {{ a = '{c}'"),
            format!("{key}: {c}"),
            format!("{key} '{c}'"),
            format!("{key}s = '{c}'"),
            format!("{key} = '''{c}"),
            format!("{key} = 0x{c}"),
            format!("[{key}]\nvalue = '{c}'"),
            format!("{key} = '{c}\u{0}'"),
            format!("{key} = ' {c} '"),
            format!("{key} = 'http://u:{c}@[{c}/{c}'"),
        ] {
            std::fs::write(dir.path().join("lamplight.toml"), format!("{before}{line}\n")).unwrap();
            for args in [&["config", "print"][..], &["serve"]] {
                let said = output(lamplight(dir.path(), args));
                assert_hidden(&format!("{args:?} of {before}{line}"), &said);
            }
        }
    }
}

#[test]
fn a_key_file_that_holds_something_else_is_not_quoted() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    let both = format!("{CANARY}-long-enough\n{CANARY}-long-enough\n").into_bytes();
    let binary = [CANARY.as_bytes(), b"\xff"].concat();
    for bytes in [both, binary, CANARY.into(), CANARY.repeat(40).into()] {
        std::fs::write(&key, bytes).unwrap();
        for variable in ["LAMPLIGHT_ADMIN_TOKEN_FILE", "LAMPLIGHT_SECRET_KEY_FILE"] {
            let mut serve = lamplight(dir.path(), &["serve"]);
            serve.env(variable, &key);
            let said = output(serve);
            assert_hidden(variable, &said);
            assert!(said.contains("error: failed to"), "{said}");
        }
    }
}
