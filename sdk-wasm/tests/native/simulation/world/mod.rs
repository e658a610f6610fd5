//! The simulated world: tabs that open and close, faults, and time.

mod accounting;
mod checks;
mod effects;
mod page;
mod schedule;
mod setup;
mod withdrawal;

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::rc::Rc;

use lamplight_sdk::ports::{PageEvent, Response};
use lamplight_wire::Producer;

use crate::simulation::overflow::{Database, OverflowRequest};
use crate::simulation::ports::{SentRequest, Shared};
use crate::simulation::random::SeededRandom;
use crate::simulation::report::RunReport;
use crate::simulation::server::{EventId, Ledger, ServerMode};
use crate::simulation::storage::{StorageModel, Tab};
use accounting::Account;
use page::PageClient;
pub(crate) use setup::Setup;

const DAY_MS: u64 = 86_400_000;
/// How long faults go on, in milliseconds.
const FAULT_PHASE_MS: u64 = 60_000;
/// How long everything may take to arrive afterwards: until a heartbeat is stale, and some
/// adoptions.
const RECOVERY_MS_MAX: u64 = 1_500_000;

/// Something that happens at a scheduled time.
#[derive(Debug)]
enum Event {
    Open,
    Track(Tab),
    Page(Tab, PageEvent),
    Pause(Tab),
    Crash(Tab),
    CrashSoon(Tab),
    ServerMode,
    /// A tab's timer, by number.
    Wake(Tab, u64),
    RequestArrives(SentRequest),
    Response(Tab, u32, Response),
    LiveList(Tab),
    /// A requested full client has arrived and can take over.
    FullClientReady(Tab),
    OverflowRequest(OverflowRequest),
    OverflowDone(Tab, u32, Option<String>),
    /// The database starts or stops failing.
    DatabaseMode,
    /// The wall clock is set forward or back by up to a day.
    SetClock,
    /// The host page fills the quota, or frees space.
    HostPage,
    Freeze,
    Withdraw(Tab),
    Consent(Tab),
    StorageSettles,
}

struct OpenTab {
    client: PageClient,
    paused_until_ms: u64,
    /// When its timer fires, and the timer's number.
    wake: Option<(u64, u64)>,
    is_frozen: bool,
    is_blocked: bool,
    /// Its page tracks no events, because its user does not consent.
    is_denied: bool,
    account: Account,
}

/// All tabs, what they share, and the schedule.
pub(crate) struct World {
    setup: Setup,
    shared: Rc<RefCell<Shared>>,
    open_tabs: BTreeMap<Tab, OpenTab>,
    last_tab: Tab,
    schedule: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, Event>,
    last_event: u64,
    server_mode: ServerMode,
    in_fault_phase: bool,
    /// Events that were tracked while consent was not being withdrawn.
    consented: Vec<EventId>,
    promised: BTreeSet<EventId>,
    rejected_events: BTreeSet<EventId>,
    report: RunReport,
    /// When storage settles next, if that is scheduled.
    settle_ms: Option<u64>,
    /// Until then, a tab may still learn that consent was withdrawn.
    withdrawal_visible_until_ms: u64,
}

impl World {
    pub(crate) fn new(seed: u64, setup: &Setup) -> Self {
        let shared = Shared {
            now_ms: 1_000,
            random: SeededRandom::new(seed),
            storage: StorageModel::new(setup.quota, !setup.reliable && !setup.fast_storage),
            ledger: Ledger { answers: setup.answers(seed), ..Ledger::default() },
            withdrawn: BTreeSet::new(),
            violations: Vec::new(),
            sent: Vec::new(),
            early_responses: Vec::new(),
            locks_held: BTreeMap::new(),
            lock_queries: BTreeSet::new(),
            full_client_requests: BTreeSet::new(),
            dead: BTreeSet::new(),
            accesses_left: BTreeMap::new(),
            adopted: BTreeSet::new(),
            database: Database { is_broken: setup.no_database, ..Database::default() },
            overflow_requests: Vec::new(),
            early_overflow_done: Vec::new(),
            clock_set_ms: DAY_MS,
        };
        Self {
            setup: setup.clone(),
            shared: Rc::new(RefCell::new(shared)),
            open_tabs: BTreeMap::new(),
            last_tab: 0,
            schedule: BinaryHeap::new(),
            events: BTreeMap::new(),
            last_event: 0,
            server_mode: ServerMode::Healthy,
            in_fault_phase: true,
            consented: Vec::new(),
            promised: BTreeSet::new(),
            rejected_events: BTreeSet::new(),
            report: RunReport::default(),
            settle_ms: None,
            withdrawal_visible_until_ms: 0,
        }
    }

    /// Runs to the end and checks the invariants.
    pub(crate) fn run(mut self) -> RunReport {
        let (tabs, within_ms) = if self.setup.short_visits || self.setup.leaves_at_once {
            (30, FAULT_PHASE_MS)
        } else {
            (self.random(|random| random.between(1, 6)), 3_000)
        };
        for _ in 0..tabs {
            let after_ms = self.random(|random| random.between(0, within_ms));
            self.after(after_ms, Event::Open);
        }
        self.after(1_000, Event::ServerMode);
        self.after(2_000, Event::DatabaseMode);
        self.after(3_000, Event::SetClock);
        self.after(4_000, Event::HostPage);
        self.after(30_000, Event::Freeze);
        self.advance(FAULT_PHASE_MS);
        self.end_faults();
        let (requests, requests_needed) = (self.report.requests, self.requests_needed());
        let begun_ms = self.now_ms();
        while self.now_ms() < begun_ms + RECOVERY_MS_MAX && self.report.violations.is_empty() {
            self.advance(5_000);
            if self.has_events_left() {
                let ms = self.now_ms() - self.faults_ended_ms(begun_ms);
                self.report.recovery_ms = self.report.recovery_ms.max(ms);
                self.report.recovery_requests = self.report.requests - requests;
            }
        }
        self.check_recovery(requests_needed);
        self.check()
    }

    /// When the last fault ended. The freeze of a lease holder ends during the recovery. Then it
    /// sends its own events again, which others have adopted.
    fn faults_ended_ms(&self, begun_ms: u64) -> u64 {
        let thaws = self.open_tabs.values().map(|tab| tab.paused_until_ms);
        thaws.filter(|thaw_ms| *thaw_ms <= self.now_ms()).fold(begun_ms, u64::max)
    }

    fn random<R>(&self, ask: impl FnOnce(&mut SeededRandom) -> R) -> R {
        ask(&mut self.shared.borrow_mut().random)
    }

    fn now_ms(&self) -> u64 {
        self.shared.borrow().now_ms
    }

    fn after(&mut self, ms: u64, event: Event) {
        self.last_event += 1;
        self.schedule.push(Reverse((self.now_ms() + ms, self.last_event)));
        self.events.insert(self.last_event, event);
    }

    fn advance(&mut self, ms: u64) {
        let end_ms = self.now_ms() + ms;
        while let Some(Reverse((at_ms, number))) = self.schedule.peek().copied() {
            if at_ms > end_ms {
                break;
            }
            self.schedule.pop();
            let Some(event) = self.events.remove(&number) else { continue };
            self.shared.borrow_mut().now_ms = at_ms;
            self.handle(event);
        }
        self.shared.borrow_mut().now_ms = end_ms;
    }

    fn handle(&mut self, event: Event) {
        let is_fault_phase_event = matches!(
            event,
            Event::Open
                | Event::Track(_)
                | Event::Page(..)
                | Event::Pause(_)
                | Event::Crash(_)
                | Event::CrashSoon(_)
                | Event::ServerMode
                | Event::DatabaseMode
                | Event::SetClock
                | Event::HostPage
                | Event::Freeze
                | Event::Withdraw(_)
                | Event::Consent(_)
        );
        if is_fault_phase_event && !self.in_fault_phase {
            return;
        }
        match event {
            Event::Open => {
                self.open();
            }
            Event::ServerMode => {
                self.server_mode = match self.setup.reliable || self.setup.short_visits {
                    _ if self.setup.outage => ServerMode::Unreachable,
                    true => ServerMode::Healthy,
                    false => self.random(ServerMode::any),
                };
                let after_ms = self.random(|random| random.between(500, 12_000));
                self.after(after_ms, Event::ServerMode);
            }
            Event::StorageSettles => {
                self.settle_ms = None;
                let Shared { storage, random, now_ms, .. } = &mut *self.shared.borrow_mut();
                storage.settle(*now_ms, random);
                let (bytes, unseen) = (storage.events_bytes(), storage.unseen_bytes(*now_ms));
                self.report.peak = self.report.peak.max(bytes);
                let bound = self.setup.share + self.last_tab * self.setup.share / 8 + unseen;
                if bytes > bound {
                    self.report.violations.push(format!(
                        "events take {bytes} bytes in storage; the bound is {bound}"
                    ));
                }
            }
            Event::RequestArrives(request) => self.deliver_request(request),
            Event::Crash(tab) => self.crash(tab),
            Event::CrashSoon(tab) => {
                let left = self.random(|random| random.between(0, 40));
                self.shared.borrow_mut().accesses_left.insert(tab, left);
            }
            Event::Pause(tab) => {
                let ms = self.random(|random| random.between(100, 20_000));
                let until_ms = self.now_ms() + ms;
                if let Some(open_tab) = self.open_tabs.get_mut(&tab) {
                    open_tab.paused_until_ms = until_ms;
                }
            }
            Event::Track(tab) => self.task(tab, Event::Track(tab), Self::track),
            Event::Page(tab, page) => self.task(tab, Event::Page(tab, page), |world, tab| {
                if let Some(open_tab) = world.open_tabs.get_mut(&tab) {
                    open_tab.is_frozen = matches!(page, PageEvent::Frozen | PageEvent::Left);
                    open_tab.account.was_suspended |= open_tab.is_frozen;
                    open_tab.client.page_event(page);
                }
            }),
            Event::Wake(tab, timer) => {
                let is_set =
                    |open_tab: &OpenTab| open_tab.wake.is_some_and(|(_, set)| set == timer);
                if !self.open_tabs.get(&tab).is_some_and(is_set) {
                    return;
                }
                self.task(tab, Event::Wake(tab, timer), |world, tab| {
                    if let Some(open_tab) = world.open_tabs.get_mut(&tab) {
                        open_tab.wake = None;
                        open_tab.client.timer_fired();
                    }
                    world.check_timer(tab);
                });
            }
            Event::Response(tab, request, response) => {
                let again = Event::Response(tab, request, response.clone());
                self.task(tab, again, |world, tab| {
                    if let Some(open_tab) = world.open_tabs.get_mut(&tab) {
                        open_tab.client.answered(request, &response);
                    }
                });
            }
            Event::OverflowRequest(request) => {
                self.run_overflow_request(request);
            }
            Event::OverflowDone(tab, id, result) => {
                let again = Event::OverflowDone(tab, id, result.clone());
                self.task(tab, again, |world, tab| {
                    if let Some(open_tab) = world.open_tabs.get_mut(&tab) {
                        open_tab.client.overflow_done(id, result.as_deref());
                    }
                });
            }
            Event::DatabaseMode => {
                let fails = self.setup.no_database
                    || !self.setup.reliable && self.random(|random| random.percent(15));
                self.shared.borrow_mut().database.is_broken = fails;
                let after_ms = self.random(|random| random.between(2_000, 10_000));
                self.after(after_ms, Event::DatabaseMode);
            }
            Event::SetClock => {
                let set_ms = self.random(|random| random.between(0, 2 * DAY_MS));
                self.shared.borrow_mut().clock_set_ms = set_ms;
                let after_ms = self.random(|random| random.between(2_000, 20_000));
                self.after(after_ms, Event::SetClock);
            }
            Event::HostPage if self.setup.host_fills_quota => {
                let fills = self.random(|random| random.percent(60));
                let storage = &mut self.shared.borrow_mut().storage;
                storage.quota = if fills { storage.bytes() } else { self.setup.quota };
            }
            Event::HostPage => {}
            Event::Freeze => self.freeze_holder(),
            Event::Withdraw(tab) => self.task(tab, Event::Withdraw(tab), Self::withdraw),
            Event::Consent(tab) => self.task(tab, Event::Consent(tab), Self::consent),
            Event::FullClientReady(tab) => {
                self.task(tab, Event::FullClientReady(tab), Self::take_over);
            }
            Event::LiveList(tab) => self.task(tab, Event::LiveList(tab), |world, tab| {
                let locks_held = &world.shared.borrow().locks_held;
                let alive: Vec<Producer> = locks_held.values().copied().collect();
                if let Some(open_tab) = world.open_tabs.get_mut(&tab) {
                    open_tab.client.set_live_producers(&alive);
                }
            }),
        }
        self.apply_effects();
    }

    /// Runs a task of a tab. If the tab is paused, `event` is repeated after the pause.
    fn task(&mut self, tab: Tab, event: Event, act: impl FnOnce(&mut Self, Tab)) {
        let now_ms = self.now_ms();
        let Some(open_tab) = self.open_tabs.get(&tab) else { return };
        let is_back = matches!(event, Event::Page(_, PageEvent::Back));
        if open_tab.is_frozen && !is_back {
            // A frozen page runs no tasks; its timers fire when it is restored.
            if !matches!(event, Event::Track(_)) {
                self.after(1_000, event);
            }
            return;
        }
        if open_tab.paused_until_ms > now_ms {
            let ms = open_tab.paused_until_ms - now_ms;
            self.after(ms, event);
            return;
        }
        self.shared.borrow_mut().storage.begin_task(tab, now_ms);
        act(self, tab);
        self.check_stored_bytes(tab);
    }
}
