//! The tabs that make events, each in a process of its own.

use std::time::Duration;

use serde_json::json;

use super::browser::{Browser, Page};
use super::child::kill_page;
use super::error::ChaosError;
use super::stop::Stop;

/// How long the browser may take to notice that a process was killed.
const NOTICE_MAX: Duration = Duration::from_secs(5);

/// Whether the client of a tab runs, and the dashboard has counted the tab.
const IS_READY: &str = "document.getElementById('producer')?.textContent.length === 26 && \
     /^Tab \\d+$/.test(document.title)";

/// A tab.
#[derive(Debug)]
pub(super) struct Tab {
    /// Its name on the dashboard.
    pub(super) name: String,
    page: Page,
    /// The processes that began with it.
    processes: Vec<i32>,
}

impl Tab {
    pub(super) fn open(
        browser: &mut Browser<'_>,
        url: &str,
        stop: &Stop,
    ) -> Result<Self, ChaosError> {
        let before = browser.renderers()?;
        let page = browser.open(&format!("{url}/demo/tab.html"), true, stop, IS_READY)?;
        let mut processes = browser.renderers()?;
        processes.retain(|process| !before.contains(process));
        if processes.is_empty() {
            let why = "tabs share a process, so none can be killed alone: use fewer --tabs";
            return Err(ChaosError::Browser(why.to_owned()));
        }
        let name = browser.devtools.evaluate(&page.session, "document.title")?;
        Ok(Self { name: name.as_str().unwrap_or("Tab").to_owned(), page, processes })
    }

    /// Kills its process with `kill -9`, and returns the process.
    pub(super) fn kill(&self, browser: &mut Browser<'_>) -> Result<i32, ChaosError> {
        let running = browser.renderers()?;
        for process in self.processes.iter().filter(|it| running.contains(it)) {
            kill_page(*process)?;
            if browser.devtools.wait_for_crash(&self.page.target, NOTICE_MAX)? {
                let closed = json!({ "targetId": self.page.target });
                browser.devtools.call(None, "Target.closeTarget", &closed)?;
                return Ok(*process);
            }
        }
        Err(ChaosError::Browser(format!("kill {}: none of its processes runs it", self.name)))
    }

    /// Cuts or restores its network.
    pub(super) fn set_offline(
        &self,
        browser: &mut Browser<'_>,
        is_offline: bool,
    ) -> Result<(), ChaosError> {
        let session = Some(&*self.page.session);
        let mut call =
            |method: &str, params| browser.devtools.call(session, method, &params).map(|_| ());
        if is_offline {
            call("Network.enable", json!({}))?;
        }
        let conditions = json!({ "offline": is_offline, "latency": 0,
            "downloadThroughput": -1, "uploadThroughput": -1 });
        call("Network.emulateNetworkConditions", conditions)?;
        if is_offline { Ok(()) } else { call("Network.disable", json!({})) }
    }
}
