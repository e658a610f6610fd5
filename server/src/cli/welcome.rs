//! What `serve` and `demo` print once they listen.

use std::io::{self, Write};
use std::net::SocketAddr;

use crate::config::reachable;
use crate::home::Home;
use crate::keys::bootstrap::FirstKeys;
use crate::store::KeyKind;
use crate::web::demo::page;
use crate::web::script;

/// Where a server is.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The addresses that it listens on.
    pub addresses: &'a [SocketAddr],
    /// Whether it accepts HTTPS.
    pub has_tls: bool,
    /// Where its data is.
    pub home: &'a Home,
}

impl Place<'_> {
    fn scheme(&self) -> &'static str {
        if self.has_tls { "https" } else { "http" }
    }

    /// An address for programs on this machine.
    pub(super) fn url(&self) -> String {
        let address = self.addresses.first().map(|address| reachable(*address).to_string());
        format!("{}://{}", self.scheme(), address.unwrap_or_default())
    }
}

/// Prints where the server listens, the keys that were just generated, and what to do next.
/// `console` is a link that signs in to the console once.
///
/// Programs read the first line, so it stays as it is.
///
/// # Errors
/// When `out` cannot be written to.
pub fn welcome(
    out: &mut impl Write,
    place: &Place<'_>,
    keys: &FirstKeys,
    console: Option<&str>,
    has_demo: bool,
) -> io::Result<()> {
    let (scheme, url, home) = (place.scheme(), place.url(), place.home);
    for (at, address) in place.addresses.iter().enumerate() {
        let begin = if at == 0 { "lamplight is listening on" } else { "  and on" };
        writeln!(out, "{begin} {scheme}://{address}")?;
    }
    writeln!(out)?;
    if !has_browser_files(has_demo) {
        writeln!(
            out,
            "  This program was built without /lamplight.js and the demo page. Run `cargo xtask build`\n  \
             in its sources, and install it again: see \"From source\" in docs/install.md.\n"
        )?;
    }
    if has_demo {
        writeln!(out, "  Open {url}/demo/ in a browser, and try to lose an event.\n")?;
        writeln!(out, "  The rest is for sending and reading events yourself.\n")?;
    }
    match console {
        Some(link) => {
            writeln!(out, "  Open the console (this link signs you in once, within an hour):\n")?;
            writeln!(out, "    {link}\n")?;
        }
        None => writeln!(out, "  The console: {url}/overview (sign in with a token)\n")?,
    }
    if !keys.made.is_empty() {
        writeln!(
            out,
            "  New keys. Save the secret ones: they are stored as hashes and not shown again.\n"
        )?;
        for (kind, text) in &keys.made {
            writeln!(out, "    {:<12} {text}", name(*kind))?;
        }
        writeln!(out)?;
    }
    if let Some(key) = &keys.write_key {
        writeln!(out, "  Send an event:\n")?;
        let [first, second] = send_command(&url, key);
        writeln!(out, "    {first}\n      {second}\n")?;
        writeln!(out, "  From a web page (npm install lamplight):\n")?;
        writeln!(out, "    import {{ init }} from 'lamplight'")?;
        writeln!(out, "    const lamplight = init({{ url: '{url}', key: '{key}' }})")?;
        writeln!(out, "    lamplight.track('hello', {{ from: 'a page' }})\n")?;
        if script::is_built() {
            writeln!(out, "  Or without a bundler, with page views, marked clicks and errors:\n")?;
            let source = format!("{url}/lamplight.js");
            writeln!(
                out,
                "    <script async src=\"{source}\" data-key=\"{key}\" data-auto></script>\n"
            )?;
        }
    }
    if place.has_tls {
        writeln!(out, "  In these addresses, use the name that the certificate is for.\n")?;
    }
    writeln!(out, "  Read the events that arrived:\n")?;
    let admin = keys.made.iter().find(|(kind, _)| *kind == KeyKind::Admin);
    let token = admin.map_or("<admin token>", |(_, text)| text);
    writeln!(out, "    {}\n", read_command(&url, token))?;
    let note = if has_demo { ", apart from that of `lamplight serve`" } else { "" };
    writeln!(out, "  Data is in {home}{note}. Stop with Ctrl-C.")?;
    out.flush()
}

/// Whether the program has what browsers load: the script, and the page of the demo if it is shown.
fn has_browser_files(has_demo: bool) -> bool {
    script::is_built() && (!has_demo || page::is_built())
}

/// The command that sends an event, on two lines, for a shell of Unix.
#[cfg(unix)]
fn send_command(url: &str, key: &str) -> [String; 2] {
    let first = format!("curl '{url}/v1/events?key={key}' \\");
    [first, r#"-H 'Content-Type: application/json' -d '[{"name":"hello"}]'"#.to_owned()]
}

/// The command that sends an event, on two lines, for every PowerShell: they differ in what quotes
/// within arguments of programs become.
#[cfg(windows)]
fn send_command(url: &str, key: &str) -> [String; 2] {
    let first = format!("Invoke-RestMethod -Method Post '{url}/v1/events?key={key}' `");
    [first, r#"-ContentType 'application/json' -Body '[{"name":"hello"}]'"#.to_owned()]
}

#[cfg(unix)]
fn read_command(url: &str, token: &str) -> String {
    format!("curl {url}/api/events -H 'Authorization: Bearer {token}'")
}

#[cfg(windows)]
fn read_command(url: &str, token: &str) -> String {
    format!("Invoke-RestMethod {url}/api/events -Headers @{{ Authorization = 'Bearer {token}' }}")
}

fn name(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Write => "write key",
        KeyKind::Secret => "secret key",
        KeyKind::Admin => "admin token",
        KeyKind::Viewer => "viewer token",
    }
}
