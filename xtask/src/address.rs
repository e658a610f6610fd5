//! The address that a command's server will listen on, checked before the build: a build takes
//! minutes, and a server that cannot listen ends at once.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

/// Where the server listens unless it is told otherwise.
pub(crate) const DEFAULT: &str = "127.0.0.1:8787";
const VARIABLE: &str = "LAMPLIGHT_LISTEN";
/// How long another program may take to say what it is.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// The address that the server takes from its arguments, the environment and `lamplight.toml` in
/// `folder`.
pub(crate) fn given(args: &[String], folder: &Path) -> String {
    let file = std::fs::read_to_string(folder.join("lamplight.toml")).unwrap_or_default();
    in_arguments(args)
        .or_else(|| std::env::var(VARIABLE).ok())
        .or_else(|| in_file(&file))
        .unwrap_or_else(|| DEFAULT.into())
}

/// Fails if another program listens on `address`, with what to do about it.
pub(crate) fn require_free(address: &str, remedy: &str) -> Result<()> {
    // The server reports an address that it cannot parse.
    let Ok(address) = address.parse::<SocketAddr>() else { return Ok(()) };
    match TcpListener::bind(address) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let program = program_at(address);
            bail!("failed to start: {program} is listening on {address} already. {remedy}")
        }
        // The server reports what else is wrong with it.
        Ok(_) | Err(_) => Ok(()),
    }
}

fn in_arguments(args: &[String]) -> Option<String> {
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if arg == "--listen" {
            return rest.next().cloned();
        }
        if let Some(address) = arg.strip_prefix("--listen=") {
            return Some(address.into());
        }
    }
    None
}

/// The setting in the text of a `lamplight.toml`, where settings stand above the first table.
fn in_file(text: &str) -> Option<String> {
    let settings = text.lines().take_while(|line| !line.trim_start().starts_with('['));
    let mut values = settings.filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        let value = value.trim().strip_prefix(['"', '\''])?;
        let (value, _) = value.split_once(['"', '\''])?;
        (key.trim() == "listen").then(|| value.to_owned())
    });
    values.next()
}

/// What listens there, as far as its page says.
fn program_at(address: SocketAddr) -> &'static str {
    let page = front_page(address).unwrap_or_default();
    if page.contains("location: /demo/") {
        "a demo of Lamplight"
    } else if page.contains("<h1>Lamplight is running</h1>") {
        "a Lamplight server"
    } else {
        "another program"
    }
}

fn front_page(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_MAX)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.set_write_timeout(Some(ANSWER_MAX))?;
    // In one piece: a program that closes with a part unread would reset the connection.
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut page = Vec::new();
    stream.take(64 * 1024).read_to_end(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_gives_the_address_and_the_file_does_above_its_first_table() {
        let args = |line: &str| line.split(' ').map(String::from).collect::<Vec<_>>();
        let expected = Some("127.0.0.1:9000".to_owned());
        assert_eq!(in_arguments(&args("--log debug --listen 127.0.0.1:9000")), expected);
        assert_eq!(in_arguments(&args("--listen=127.0.0.1:9000 --log debug")), expected);
        assert_eq!(in_arguments(&args("--log debug")), None);
        assert_eq!(
            in_file("# listen\nkeep_days = 9\nlisten = \"127.0.0.1:9000\" # here"),
            expected
        );
        assert_eq!(in_file("listen='127.0.0.1:9000'"), expected);
        assert_eq!(in_file("#listen = \"127.0.0.1:9000\""), None);
        assert_eq!(in_file("[sinks.a]\nlisten = \"127.0.0.1:9000\""), None);
    }

    #[test]
    fn an_address_in_use_is_an_error_that_says_what_listens_and_what_to_do() {
        for (page, program) in [
            ("HTTP/1.1 303 See Other\r\nlocation: /demo/\r\n\r\n", "a demo of Lamplight is"),
            ("HTTP/1.1 200 OK\r\n\r\n<h1>Lamplight is running</h1>", "a Lamplight server is"),
            ("SSH-2.0-OpenSSH_9.6\r\n", "another program is"),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap().to_string();
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut head = [0; 1024];
                assert!(stream.read(&mut head).unwrap() > 0);
                stream.write_all(page.as_bytes()).unwrap();
                listener
            });
            let error = require_free(&address, "Stop it.").unwrap_err();
            let text = error.to_string();
            let expected = format!("{program} listening on {address} already. Stop it.");
            assert!(text.ends_with(&expected), "{text}");
            drop(server.join().unwrap());
            require_free(&address, "").unwrap();
        }
    }

    #[test]
    fn any_free_port_and_an_address_that_is_none_are_left_to_the_server() {
        for address in ["127.0.0.1:0", "nowhere"] {
            require_free(address, "").unwrap();
        }
    }
}
