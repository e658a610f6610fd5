// The ways in which events get lost. Each scenario starts with pages that have loaded and talked to
// a server that is up. Then:
//
// - `answerMs` is how long the server takes to answer, if it does not answer at once.
// - `fault` is what the server does from now on, and `outageMs` for how long, if the page lives on.
// - Each of `tabs` tracks `events` events, in one task, or one every `everyMs`.
// - `end` is what happens to the tabs: they are killed `endAfterMs` later, closed, leave for
//   another page in the task of the last event, or stay.
// - The server is up again, and a page of the site is open. `waitMs` is how long the benchmark
//   waits for the events.

/** Longer than the next page takes, so that pages leave before they know what arrived. */
const ANSWER_MS = 100
const RETURN_WAIT_MS = 60_000
const OUTAGE_WAIT_MS = 90_000

export const SCENARIOS = [
  {
    name: 'killed_at_once',
    title: 'tab killed at once, server down, 100 events',
    tabs: 1,
    fault: 'down',
    events: 100,
    end: 'kill',
    endAfterMs: 0,
    waitMs: RETURN_WAIT_MS,
  },
  {
    name: 'killed_later',
    title: 'tab killed after 1.5 s, server down, 100 events',
    tabs: 1,
    fault: 'down',
    events: 100,
    end: 'kill',
    endAfterMs: 1_500,
    waitMs: RETURN_WAIT_MS,
  },
  {
    name: 'two_tabs_killed',
    title: '2 tabs killed, server down, 100 events each',
    tabs: 2,
    fault: 'down',
    events: 100,
    end: 'kill',
    endAfterMs: 0,
    waitMs: RETURN_WAIT_MS,
  },
  {
    name: 'unavailable',
    title: '20 s of 503, page stays, 50 events',
    tabs: 1,
    fault: 'unavailable',
    events: 50,
    everyMs: 300,
    end: 'stay',
    outageMs: 20_000,
    waitMs: OUTAGE_WAIT_MS,
  },
  {
    name: 'resets',
    title: '20 s of connection resets while online, page stays, 50 events',
    tabs: 1,
    fault: 'reset',
    events: 50,
    everyMs: 300,
    end: 'stay',
    outageMs: 20_000,
    waitMs: OUTAGE_WAIT_MS,
  },
  {
    name: 'navigation',
    title: 'navigation in the same task, server up, 100 events',
    tabs: 1,
    fault: 'up',
    answerMs: ANSWER_MS,
    events: 100,
    end: 'navigate',
    waitMs: RETURN_WAIT_MS,
  },
  {
    name: 'closed',
    title: 'tab closed at once, server up, 100 events',
    tabs: 1,
    fault: 'up',
    answerMs: ANSWER_MS,
    events: 100,
    end: 'close',
    endAfterMs: 0,
    waitMs: RETURN_WAIT_MS,
  },
  {
    name: 'long_outage',
    title: '20 s of a server that is down, page stays, 300 events',
    tabs: 1,
    fault: 'down',
    events: 300,
    everyMs: 20,
    end: 'stay',
    outageMs: 20_000,
    waitMs: OUTAGE_WAIT_MS,
  },
]

/** The scenarios with these names, or all. Throws if a name is unknown. */
export function scenariosNamed(names) {
  const unknown = names.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name))
  if (unknown.length)
    throw new Error(
      `unknown scenario ${unknown.join(', ')}: the scenarios are ${SCENARIOS.map(({ name }) => name).join(', ')}`,
    )
  return names.length ? SCENARIOS.filter(({ name }) => names.includes(name)) : SCENARIOS
}
