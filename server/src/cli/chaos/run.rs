//! The run: starts everything, breaks it while tabs make events, and waits for the result.

use std::time::Duration;

use tokio::time::Instant;

use super::ChaosArgs;
use super::browser::Browser;
use super::dashboard::Dashboard;
use super::demo_server::DemoServer;
use super::error::ChaosError;
use super::plan::{Break, Plan, ROUND, Step};
use super::program;
use super::reading::{Damage, Reading, Report};
use super::scratch::Scratch;
use super::stop::Stop;
use super::tabs::Tab;
use crate::system::entropy::{Entropy, SystemEntropy};
use crate::terminal::Output;

/// How long tabs make events before anything is broken, in which the server hears from each.
const CALM: Duration = Duration::from_secs(1);
/// How long to wait for a moment in which storage has all events. The page reads memory and storage
/// one after the other, so it may show some in memory for moments.
const STORED_MAX: Duration = Duration::from_secs(5);
/// How long events may take to arrive in the end: a tab may wait for the lock of a killed one, and
/// for keys in localStorage that it cannot read yet.
const SETTLE_MAX: Duration = Duration::from_secs(150);
/// How long figures must stay the same until they are the result.
const STEADY: Duration = Duration::from_secs(1);
/// How long a loss must stay one. The page has looked for these events for 15 s before.
const STEADY_LOSS: Duration = Duration::from_secs(10);

/// Runs it. Everything that it starts has ended when it returns.
pub(super) fn run(args: &ChaosArgs, stop: &Stop) -> Result<Report, ChaosError> {
    let program = program::find(args.browser.as_deref(), &|name| std::env::var_os(name))?;
    let seed = args.seed.map_or_else(new_seed, Ok)?;
    Output::note(&format!("chaos with {}, --seed {seed}", program.display()));
    // It is removed last.
    let scratch = Scratch::make()?;
    let mut browser = Browser::start(&program, &scratch, stop)?;
    let server = DemoServer::start(&scratch, stop)?;
    let dashboard = Dashboard::open(&mut browser, &server.url, stop)?;
    let mut chaos = Chaos {
        server,
        browser,
        dashboard,
        tabs: Vec::new(),
        plan: Plan::new(seed),
        damage: Damage::default(),
        begun: Instant::now(),
        stop,
    };
    for _ in 0..args.tabs {
        chaos.open_tab()?;
    }
    let count = chaos.tabs.len();
    chaos.say(&format!("{count} tabs make 50 events per second each at {}", chaos.server.url));
    chaos.break_things(Duration::from_secs(args.seconds))?;
    let reading = chaos.settle()?;
    Ok(Report { seed, damage: chaos.damage.clone(), reading })
}

/// A seed for a run that is not a repetition.
fn new_seed() -> Result<u64, ChaosError> {
    let bits = SystemEntropy.bits().map_err(|error| ChaosError::System(error.to_string()))?;
    // Short enough to type.
    Ok(u64::try_from(bits % 1_000_000_000).unwrap_or(0))
}

struct Chaos<'a> {
    browser: Browser<'a>,
    server: DemoServer,
    dashboard: Dashboard,
    tabs: Vec<Tab>,
    plan: Plan,
    damage: Damage,
    begun: Instant,
    stop: &'a Stop,
}

impl Chaos<'_> {
    fn say(&self, text: &str) {
        Output::note(&format!("{:7.1} s  {text}", self.begun.elapsed().as_secs_f64()));
    }

    fn open_tab(&mut self) -> Result<(), ChaosError> {
        let tab = Tab::open(&mut self.browser, &self.server.url, self.stop)?;
        self.tabs.push(tab);
        Ok(())
    }

    /// Breaks things for this time, and each kind of thing at least once.
    fn break_things(&mut self, time: Duration) -> Result<(), ChaosError> {
        self.begun = Instant::now();
        self.dashboard.set_load(&mut self.browser, true)?;
        self.stop.sleep(CALM)?;
        let mut steps = 0;
        while self.begun.elapsed() < time || steps < ROUND {
            let Step { quiet, broken } = self.plan.next();
            self.stop.sleep(quiet)?;
            // The page ends the load after a minute.
            self.dashboard.set_load(&mut self.browser, true)?;
            match broken {
                Break::Tab => self.kill_tab()?,
                Break::Server(time) => self.kill_server(time)?,
                Break::Network(time) => self.cut_network(time)?,
                Break::Unavailable(time) => self.fail("unavailable", "answers 503", time)?,
                Break::Offline(time) => self.fail("offline", "does not answer", time)?,
                Break::Slow(time) => self.fail("slow", "answers 1 s late", time)?,
            }
            steps += 1;
        }
        self.dashboard.set_load(&mut self.browser, false)?;
        Ok(())
    }

    fn kill_tab(&mut self) -> Result<(), ChaosError> {
        let chosen = self.plan.choose(self.tabs.len());
        let (dashboard, browser) = (&self.dashboard, &mut self.browser);
        let is_stored = self
            .stop
            .wait_until(STORED_MAX, || Ok(dashboard.read(browser)?.in_memory == Some(0)))?;
        if !is_stored {
            // `track()` has said that these are not stored yet.
            self.say("kills no tab, because events are in memory only");
            return Ok(());
        }
        let tab = self.tabs.swap_remove(chosen);
        let process = tab.kill(&mut self.browser)?;
        self.say(&format!("kill -9 of {} (process {process}), and opens another", tab.name));
        self.damage.tabs_killed += 1;
        self.open_tab()
    }

    fn kill_server(&mut self, time: Duration) -> Result<(), ChaosError> {
        let (process, ms) = (self.server.id(), time.as_millis());
        self.say(&format!("kill -9 of the server (process {process}), for {ms} ms"));
        self.server.kill();
        self.damage.server_kills += 1;
        self.stop.sleep(time)?;
        self.server.restart(self.stop)
    }

    fn cut_network(&mut self, time: Duration) -> Result<(), ChaosError> {
        let surely = self.plan.choose(self.tabs.len());
        let mut cut = Vec::new();
        for at in 0..self.tabs.len() {
            if self.plan.choose(2) == 0 || at == surely {
                self.tabs[at].set_offline(&mut self.browser, true)?;
                cut.push(at);
            }
        }
        let names: Vec<_> = cut.iter().map(|at| self.tabs[*at].name.as_str()).collect();
        self.say(&format!("no network for {}, for {} ms", names.join(", "), time.as_millis()));
        self.damage.network_cuts += 1;
        self.stop.sleep(time)?;
        for at in cut {
            self.tabs[at].set_offline(&mut self.browser, false)?;
        }
        Ok(())
    }

    fn fail(&mut self, mode: &str, what: &str, time: Duration) -> Result<(), ChaosError> {
        self.say(&format!("the server {what}, for {} ms", time.as_millis()));
        self.dashboard.set_fault(&mut self.browser, mode)?;
        self.damage.server_faults += 1;
        self.stop.sleep(time)?;
        self.dashboard.set_fault(&mut self.browser, "none")
    }

    /// Waits until the figures are final, or too long.
    fn settle(&mut self) -> Result<Reading, ChaosError> {
        self.say("no more events; waits for those on the way");
        let (end, mut since) = (Instant::now() + SETTLE_MAX, Instant::now());
        let mut last = self.dashboard.read(&mut self.browser)?;
        loop {
            self.stop.sleep(Duration::from_millis(250))?;
            let reading = self.dashboard.read(&mut self.browser)?;
            if reading != last {
                since = Instant::now();
                last = reading;
            }
            let steady = if last.holds() { STEADY } else { STEADY_LOSS };
            let is_result = last.is_final() && since.elapsed() >= steady;
            if is_result || Instant::now() >= end {
                self.say(&format!("the page says: {}", last.text));
                return Ok(last);
            }
        }
    }
}
