// The messages between the tabs and the dashboard. They use their own channel, so that the recorder
// is independent of the SDK.
import type { Way } from './alternatives.ts'
import type { LastFailure } from './failure.ts'
import type { Ranges } from './ranges.ts'

/** One holder of the tab lock, as a tab saw it. */
export interface LockTurn {
  since: number
  epoch: number
  holder: string
}

/** What a tab knows about itself. */
export interface TabStatus {
  producer: string
  /** Its events that the server has not acknowledged, wherever they are. */
  queued: number
  sent: number
  adopted: number
  dropped: number
  lockPhase: string
  lockTurns: LockTurn[]
  backoffMs: number
  lastFailure: LastFailure
}

/** The counts that a tab announces. `made` increases before a `track()`, `returned` after it. */
export interface TabCount {
  made: number
  returned: number
}

export type FromTab =
  /** Sent before every `track()`: the next call makes event number `made`. */
  | { kind: 'making'; tab: string; made: number }
  /** `track()` returned `stored: false` for this event. */
  | { kind: 'unstored'; tab: string; number: number }
  /** Sent at the end of the task: every call so far has returned. */
  | ({ kind: 'returned'; tab: string } & TabCount)
  | ({ kind: 'status'; tab: string; status: TabStatus } & TabCount)
  | { kind: 'adopted'; tab: string; producer: string; count: number }
  | ({ kind: 'closing'; tab: string } & TabCount)
  /** How many events the tab made in a comparison, and the numbers that Lamplight gave them. */
  | { kind: 'compared'; tab: string; made: number; numbers: Ranges }

export type FromDashboard =
  | { kind: 'request_status' }
  | { kind: 'name'; tab: string; number: number }
  /**
   * Make the events due at `perSecond`. A visible page sends it, because browsers throttle the
   * timers of hidden tabs.
   */
  | { kind: 'tick'; perSecond: number }
  | { kind: 'burst'; count: number }
  /** Begin a comparison, in which each tab makes an event on about every second step. */
  | { kind: 'compare'; way: Way | 'lamplight' }
  | { kind: 'step' }
  | { kind: 'compare_end' }
  /** Close one tab, or all. */
  | { kind: 'close'; tab?: string }

export type Message = FromTab | FromDashboard

export interface Channel {
  send(message: Message): void
}

export function openChannel(handle: (message: Message) => void): Channel {
  const channel = new BroadcastChannel('lamplight-demo')
  channel.onmessage = (event: MessageEvent<Message>) => handle(event.data)
  return { send: (message) => channel.postMessage(message) }
}

/**
 * The Web Lock that a tab of the demo holds while it is alive. The browser releases it when a tab
 * is killed.
 */
export const lifeLockName = (tab: string): string => `lamplight-demo:tab:${tab}`
