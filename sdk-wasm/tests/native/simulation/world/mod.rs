//! The world: tabs that come and go, and time.

mod aftermath;
mod fate;
mod judge;
mod page;
mod setup;
mod withdrawal;

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::rc::Rc;

use lamplight_sdk::ports::{Answer, Page};
use lamplight_wire::Producer;

use crate::simulation::chance::Chance;
use crate::simulation::overflow::{Asked, Database};
use crate::simulation::ports::{Posted, Shared};
use crate::simulation::server::{Id, Ledger, Mood};
use crate::simulation::storage::{Model, Tab};
use crate::simulation::verdict::Verdict;
use page::PageClient;
pub(crate) use setup::Setup;

/// How long the world is wild, in milliseconds.
const DAY_MS: u64 = 86_400_000;
const WILD_MS: u64 = 60_000;
/// How long it may take after that until everything has arrived: a beat's patience, and some adoptions.
const CALM_MS: u64 = 1_500_000;

/// Something that happens at some time.
#[derive(Debug)]
enum Event {
    Open,
    Track(Tab),
    Page(Tab, Page),
    Pause(Tab),
    Crash(Tab),
    CrashSoon(Tab),
    Mood,
    Wake(Tab),
    Arrive(Posted),
    Answer(Tab, u32, Answer),
    Listed(Tab),
    /// What a page asked for is there: a whole client can take over.
    Grow(Tab),
    Work(Asked),
    Worked(Tab, u32, Option<String>),
    /// The database starts or stops to fail.
    Database,
    /// The wall clock is set by up to a day, either way.
    SetClock,
    /// The host page fills the quota, or makes room.
    Host,
    Freeze,
    Withdraw(Tab),
    Consent(Tab),
    Settle,
}

struct Slot {
    client: PageClient,
    paused_until_ms: u64,
    wake_ms: Option<u64>,
    is_frozen: bool,
    is_blocked: bool,
    /// Its page makes no events, because nobody consents to it.
    is_denied: bool,
}

/// The whole of it.
pub(crate) struct World {
    setup: Setup,
    shared: Rc<RefCell<Shared>>,
    slots: BTreeMap<Tab, Slot>,
    last_tab: Tab,
    agenda: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, Event>,
    last_event: u64,
    mood: Mood,
    is_wild: bool,
    /// Events that were made while nothing said that consent was withdrawn, or is being.
    consented: Vec<Id>,
    promised: BTreeSet<Id>,
    poisoned: BTreeSet<Id>,
    verdict: Verdict,
    /// Events that live tabs know to be delivered.
    settle_ms: Option<u64>,
    /// Until then some tab may learn that consent was withdrawn.
    heeded_until_ms: u64,
}

impl World {
    pub(crate) fn new(seed: u64, setup: &Setup) -> Self {
        let shared = Shared {
            now_ms: 1_000,
            chance: Chance::new(seed),
            storage: Model::new(setup.quota, !setup.calm && !setup.prompt),
            ledger: Ledger::default(),
            withdrawn: BTreeSet::new(),
            faults: Vec::new(),
            posted: Vec::new(),
            early: Vec::new(),
            held: BTreeMap::new(),
            looks: BTreeSet::new(),
            grows: BTreeSet::new(),
            dead: BTreeSet::new(),
            accesses_left: BTreeMap::new(),
            adopted: BTreeSet::new(),
            database: Database { is_broken: setup.no_database, ..Database::default() },
            asked: Vec::new(),
            early_words: Vec::new(),
            clock_set_ms: DAY_MS,
        };
        Self {
            setup: setup.clone(),
            shared: Rc::new(RefCell::new(shared)),
            slots: BTreeMap::new(),
            last_tab: 0,
            agenda: BinaryHeap::new(),
            events: BTreeMap::new(),
            last_event: 0,
            mood: Mood::Well,
            is_wild: true,
            consented: Vec::new(),
            promised: BTreeSet::new(),
            poisoned: BTreeSet::new(),
            verdict: Verdict::default(),
            settle_ms: None,
            heeded_until_ms: 0,
        }
    }

    /// Runs to the end and judges.
    pub(crate) fn run(mut self) -> Verdict {
        let (tabs, within_ms) = if self.setup.brief {
            (30, WILD_MS)
        } else {
            (self.chance(|chance| chance.between(1, 6)), 3_000)
        };
        for _ in 0..tabs {
            let after_ms = self.chance(|chance| chance.between(0, within_ms));
            self.after(after_ms, Event::Open);
        }
        self.after(1_000, Event::Mood);
        self.after(2_000, Event::Database);
        self.after(3_000, Event::SetClock);
        self.after(4_000, Event::Host);
        self.after(30_000, Event::Freeze);
        self.advance(WILD_MS);
        self.calm_down();
        let mut left_ms = CALM_MS;
        while left_ms > 0 && self.has_events_left() {
            self.advance(5_000);
            left_ms -= 5_000;
        }
        self.judge()
    }

    fn chance<R>(&self, ask: impl FnOnce(&mut Chance) -> R) -> R {
        ask(&mut self.shared.borrow_mut().chance)
    }

    fn now_ms(&self) -> u64 {
        self.shared.borrow().now_ms
    }

    fn after(&mut self, ms: u64, event: Event) {
        self.last_event += 1;
        self.agenda.push(Reverse((self.now_ms() + ms, self.last_event)));
        self.events.insert(self.last_event, event);
    }

    fn advance(&mut self, ms: u64) {
        let end_ms = self.now_ms() + ms;
        while let Some(Reverse((at_ms, number))) = self.agenda.peek().copied() {
            if at_ms > end_ms {
                break;
            }
            self.agenda.pop();
            let Some(event) = self.events.remove(&number) else { continue };
            self.shared.borrow_mut().now_ms = at_ms;
            self.happen(event);
        }
        self.shared.borrow_mut().now_ms = end_ms;
    }

    fn happen(&mut self, event: Event) {
        let is_planned = matches!(
            event,
            Event::Open
                | Event::Track(_)
                | Event::Page(..)
                | Event::Pause(_)
                | Event::Crash(_)
                | Event::CrashSoon(_)
                | Event::Mood
                | Event::Database
                | Event::SetClock
                | Event::Host
                | Event::Freeze
                | Event::Withdraw(_)
                | Event::Consent(_)
        );
        if is_planned && !self.is_wild {
            return;
        }
        match event {
            Event::Open => {
                self.open();
            }
            Event::Mood => {
                self.mood = match self.setup.calm || self.setup.brief {
                    _ if self.setup.outage => Mood::Unreachable,
                    true => Mood::Well,
                    false => self.chance(Mood::any),
                };
                let after_ms = self.chance(|chance| chance.between(500, 12_000));
                self.after(after_ms, Event::Mood);
            }
            Event::Settle => {
                self.settle_ms = None;
                let Shared { storage, chance, now_ms, .. } = &mut *self.shared.borrow_mut();
                storage.settle(*now_ms, chance);
                let (bytes, unseen) = (storage.events_bytes(), storage.unseen_bytes(*now_ms));
                self.verdict.peak = self.verdict.peak.max(bytes);
                let bound = self.setup.share + self.last_tab * self.setup.share / 8 + unseen;
                if bytes > bound {
                    self.verdict.faults.push(format!("our events take {bytes} bytes of {bound}"));
                }
            }
            Event::Arrive(posted) => self.arrive(posted),
            Event::Crash(tab) => self.crash(tab),
            Event::CrashSoon(tab) => {
                let left = self.chance(|chance| chance.between(0, 40));
                self.shared.borrow_mut().accesses_left.insert(tab, left);
            }
            Event::Pause(tab) => {
                let ms = self.chance(|chance| chance.between(100, 20_000));
                let until_ms = self.now_ms() + ms;
                if let Some(slot) = self.slots.get_mut(&tab) {
                    slot.paused_until_ms = until_ms;
                }
            }
            Event::Track(tab) => self.task(tab, Event::Track(tab), Self::track),
            Event::Page(tab, page) => self.task(tab, Event::Page(tab, page), |world, tab| {
                if let Some(slot) = world.slots.get_mut(&tab) {
                    slot.is_frozen = matches!(page, Page::Frozen | Page::Left);
                    slot.client.page(page);
                }
            }),
            Event::Wake(tab) => self.task(tab, Event::Wake(tab), |world, tab| {
                if let Some(slot) = world.slots.get_mut(&tab) {
                    slot.wake_ms = None;
                    slot.client.woke();
                }
            }),
            Event::Answer(tab, request, answer) => {
                let again = Event::Answer(tab, request, answer.clone());
                self.task(tab, again, |world, tab| {
                    if let Some(slot) = world.slots.get_mut(&tab) {
                        slot.client.answered(request, &answer);
                    }
                });
            }
            Event::Work(asked) => self.work(asked),
            Event::Worked(tab, id, told) => {
                let again = Event::Worked(tab, id, told.clone());
                self.task(tab, again, |world, tab| {
                    if let Some(slot) = world.slots.get_mut(&tab) {
                        slot.client.worked(id, told.as_deref());
                    }
                });
            }
            Event::Database => {
                let fails = self.setup.no_database
                    || !self.setup.calm && self.chance(|chance| chance.percent(15));
                self.shared.borrow_mut().database.is_broken = fails;
                let after_ms = self.chance(|chance| chance.between(2_000, 10_000));
                self.after(after_ms, Event::Database);
            }
            Event::SetClock => {
                let set_ms = self.chance(|chance| chance.between(0, 2 * DAY_MS));
                self.shared.borrow_mut().clock_set_ms = set_ms;
                let after_ms = self.chance(|chance| chance.between(2_000, 20_000));
                self.after(after_ms, Event::SetClock);
            }
            Event::Host if self.setup.crowded => {
                let fills = self.chance(|chance| chance.percent(60));
                let storage = &mut self.shared.borrow_mut().storage;
                storage.quota = if fills { storage.bytes() } else { self.setup.quota };
            }
            Event::Host => {}
            Event::Freeze => self.freeze_holder(),
            Event::Withdraw(tab) => self.task(tab, Event::Withdraw(tab), Self::withdraw),
            Event::Consent(tab) => self.task(tab, Event::Consent(tab), Self::consent),
            Event::Grow(tab) => self.task(tab, Event::Grow(tab), Self::grow),
            Event::Listed(tab) => self.task(tab, Event::Listed(tab), |world, tab| {
                let held = &world.shared.borrow().held;
                let alive: Vec<Producer> = held.values().copied().collect();
                if let Some(slot) = world.slots.get_mut(&tab) {
                    slot.client.alive(&alive);
                }
            }),
        }
        self.follow_up();
    }

    /// Runs a task of a tab, unless the tab is paused: then `event` comes again after the pause.
    fn task(&mut self, tab: Tab, event: Event, act: impl FnOnce(&mut Self, Tab)) {
        let now_ms = self.now_ms();
        let Some(slot) = self.slots.get(&tab) else { return };
        let is_back = matches!(event, Event::Page(_, Page::Back));
        if slot.is_frozen && !is_back {
            // A frozen page runs no tasks; its timers fire when it is back.
            if !matches!(event, Event::Track(_)) {
                self.after(1_000, event);
            }
            return;
        }
        if slot.paused_until_ms > now_ms {
            let ms = slot.paused_until_ms - now_ms;
            self.after(ms, event);
            return;
        }
        self.shared.borrow_mut().storage.begin_task(tab, now_ms);
        act(self, tab);
    }
}
