//! The demo's page, which counts what tabs made without the SDK, and compares it with the server.

use super::browser::{Browser, Page};
use super::error::ChaosError;
use super::reading::{READ, Reading};
use super::stop::Stop;

/// Whether the page counts.
const IS_READY: &str = "document.getElementById('work')?.inert === false";

/// The page.
pub(super) struct Dashboard(Page);

impl Dashboard {
    pub(super) fn open(
        browser: &mut Browser<'_>,
        url: &str,
        stop: &Stop,
    ) -> Result<Self, ChaosError> {
        Ok(Self(browser.open(&format!("{url}/demo/"), false, stop, IS_READY)?))
    }

    /// What it shows.
    pub(super) fn read(&self, browser: &mut Browser<'_>) -> Result<Reading, ChaosError> {
        let value = browser.devtools.evaluate(&self.0.session, READ)?;
        serde_json::from_value(value)
            .map_err(|error| ChaosError::Page(format!("it shows something unexpected: {error}")))
    }

    /// Lets every tab make 50 events per second, or none.
    pub(super) fn set_load(
        &self,
        browser: &mut Browser<'_>,
        is_on: bool,
    ) -> Result<(), ChaosError> {
        let script = format!(
            "{{ const button = document.getElementById('hammer-50'); \
             if ((button.getAttribute('aria-pressed') === 'true') !== {is_on}) button.click() }}"
        );
        browser.devtools.evaluate(&self.0.session, &script).map(|_| ())
    }

    /// Sets what the server does with events that arrive.
    pub(super) fn set_fault(
        &self,
        browser: &mut Browser<'_>,
        mode: &str,
    ) -> Result<(), ChaosError> {
        // The token is a new one after each start of the server.
        let script = format!(
            "(async () => {{
              const {{ token }} = await (await fetch('config.json', {{ cache: 'no-store' }})).json()
              const answer = await fetch('faults', {{ method: 'POST',
                headers: {{ authorization: `Bearer ${{token}}`, 'content-type': 'application/json' }},
                body: JSON.stringify({{ mode: '{mode}', delay_ms: 1000 }}) }})
              if (!answer.ok) throw new Error(`the fault {mode} was refused: ${{answer.status}}`)
            }})()"
        );
        browser.devtools.evaluate(&self.0.session, &script).map(|_| ())
    }
}
