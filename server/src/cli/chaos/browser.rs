//! A browser without a window, with a profile of its own.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::child::{ChildGroup, Lines};
use super::devtools::DevTools;
use super::error::ChaosError;
use super::message::{address, renderers};
use super::scratch::Scratch;
use super::stop::Stop;

/// How long a start may take on a busy machine.
const START_MAX: Duration = Duration::from_mins(1);

/// What the browser is started with, beside its profile.
const ARGUMENTS: [&str; 19] = [
    "--headless=new",
    "--remote-debugging-port=0",
    // Its own traffic, and questions to a person.
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
    "--mute-audio",
    "--password-store=basic",
    "--use-mock-keychain",
    // Containers have little shared memory.
    "--disable-dev-shm-usage",
    // Hidden tabs work as fast as visible ones.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    // Each tab has a process of its own, which is started for it.
    "--renderer-process-limit=64",
    "--disable-features=SpareRendererForSitePerProcess",
];

/// The browser.
pub(super) struct Browser<'a> {
    pub(super) devtools: DevTools<'a>,
    _process: ChildGroup,
}

/// A page in the browser.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pub(super) target: String,
    pub(super) session: String,
}

impl<'a> Browser<'a> {
    pub(super) fn start(
        program: &Path,
        scratch: &Scratch,
        stop: &'a Stop,
    ) -> Result<Self, ChaosError> {
        let (profile, files) = (scratch.folder("profile")?, scratch.folder("tmp")?);
        let mut command = Command::new(program);
        command.args(ARGUMENTS).arg(format!("--user-data-dir={}", profile.display()));
        // A browser that is killed leaves its temporary files.
        command.env("TMPDIR", files);
        if rustix::process::geteuid().is_root() {
            // Chromium refuses to run as root with its sandbox. It opens pages of our server only.
            command.arg("--no-sandbox");
        }
        command.arg("about:blank");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let failed = |cause: String| ChaosError::Start {
            program: format!("the browser {}", program.display()),
            cause,
        };
        let mut process =
            ChildGroup::start(&mut command).map_err(|error| failed(error.to_string()))?;
        let Some(log) = process.child().stderr.take() else {
            return Err(failed("it has no output".to_owned()));
        };
        let (mut lines, mut found) = (Lines::of(log), None);
        stop.wait_until(START_MAX, || {
            found = lines.find(|line| address(line).map(ToOwned::to_owned));
            if found.is_none() && process.has_ended() {
                return Err(failed(format!("it ended: {}", lines.said())));
            }
            Ok(found.is_some())
        })?;
        let Some(address) = found else {
            let waited = START_MAX.as_secs();
            return Err(failed(format!("it cannot be controlled after {waited} s")));
        };
        let mut devtools = DevTools::connect(&address, stop)?;
        devtools.call(None, "Target.setDiscoverTargets", &json!({ "discover": true }))?;
        Ok(Self { devtools, _process: process })
    }

    /// Opens a page, and waits until the script says true.
    pub(super) fn open(
        &mut self,
        url: &str,
        is_background: bool,
        stop: &Stop,
        is_ready: &str,
    ) -> Result<Page, ChaosError> {
        let params = json!({ "url": url, "background": is_background });
        let target = self.text("Target.createTarget", &params, "targetId")?;
        let params = json!({ "targetId": target, "flatten": true });
        let session = self.text("Target.attachToTarget", &params, "sessionId")?;
        let page = Page { target, session };
        // The page is visible to itself, also beside others.
        let params = json!({ "enabled": true });
        let on = "Emulation.setFocusEmulationEnabled";
        self.devtools.call(Some(&page.session), on, &params)?;
        let is_open = stop.wait_until(START_MAX, || {
            // A script fails while the page changes from the empty one to this one.
            Ok(self.devtools.evaluate(&page.session, is_ready).is_ok_and(|value| value == true))
        })?;
        if is_open {
            return Ok(page);
        }
        let why = format!("{url} is not ready after {} s", START_MAX.as_secs());
        Err(ChaosError::Page(why))
    }

    /// The processes of pages.
    pub(super) fn renderers(&mut self) -> Result<Vec<i32>, ChaosError> {
        Ok(renderers(&self.devtools.call(None, "SystemInfo.getProcessInfo", &json!({}))?))
    }

    fn text(&mut self, method: &str, params: &Value, name: &str) -> Result<String, ChaosError> {
        let reply = self.devtools.call(None, method, params)?;
        let text = reply[name].as_str().map(ToOwned::to_owned);
        text.ok_or_else(|| ChaosError::Browser(format!("{method}: its answer has no {name}")))
    }
}
