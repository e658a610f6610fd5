//! What `serve` and `demo` print once they listen.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

use crate::keys::bootstrap::FirstKeys;
use crate::store::KeyKind;
use crate::web::script;

/// Prints where the server listens, the keys that were just generated, and what to do next.
///
/// Programs read the first line, so it stays as it is.
///
/// # Errors
/// When `out` cannot be written to.
pub fn welcome(
    out: &mut impl Write,
    address: SocketAddr,
    data: &Path,
    keys: &FirstKeys,
    has_demo: bool,
) -> io::Result<()> {
    writeln!(out, "lamplight is listening on http://{address}")?;
    writeln!(out)?;
    if has_demo {
        writeln!(out, "  Open http://{address}/demo/ in a browser, and try to lose an event.\n")?;
        writeln!(out, "  The rest is for sending and reading events yourself.\n")?;
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
        writeln!(out, "    curl 'http://{address}/v1/events?key={key}' \\")?;
        writeln!(out, "      -H 'Content-Type: application/json' -d '[{{\"name\":\"hello\"}}]'\n")?;
        writeln!(out, "  From a web page (npm install lamplight):\n")?;
        writeln!(out, "    import {{ init }} from 'lamplight'")?;
        writeln!(out, "    const lamplight = init({{ url: 'http://{address}', key: '{key}' }})")?;
        writeln!(out, "    lamplight.track('hello', {{ from: 'a page' }})\n")?;
        if script::is_built() {
            writeln!(out, "  Or without a bundler, with page views, marked clicks and errors:\n")?;
            let source = format!("http://{address}/lamplight.js");
            writeln!(
                out,
                "    <script async src=\"{source}\" data-key=\"{key}\" data-auto></script>\n"
            )?;
        }
    }
    writeln!(out, "  Read the events that arrived:\n")?;
    let admin = keys.made.iter().find(|(kind, _)| *kind == KeyKind::Admin);
    let token = admin.map_or("<admin token>", |(_, text)| text);
    writeln!(out, "    curl http://{address}/api/events -H 'Authorization: Bearer {token}'\n")?;
    let note = if has_demo { ", apart from that of `lamplight serve`" } else { "" };
    writeln!(out, "  Data is in {}{note}. Stop with Ctrl-C.", data.display())?;
    out.flush()
}

fn name(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Write => "write key",
        KeyKind::Secret => "secret key",
        KeyKind::Admin => "admin token",
        KeyKind::Viewer => "viewer token",
    }
}
