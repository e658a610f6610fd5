// What the tabs and the dashboard say to each other: a channel of its own, so that the witness owes nothing to the SDK.
import type { Way } from './rivals.ts'

/** Somebody worked for the tabs that are gone, as a tab saw it. */
export interface LockTurn {
  since: number
  epoch: number
  holder: string
}

/** What a tab knows about itself. */
export interface TabStatus {
  producer: string
  waiting: number
  /** Calls of `track()` that said `stored: false`, all in all. */
  unstored: number
  sent: number
  adopted: number
  dropped: number
  lockPhase: string
  lockHolder: string
  lockTurns: LockTurn[]
  backoffMs: number
  lastError: string
}

/** The numbers a tab announces. `made` grows before a `track()`, `returned` after it. */
export interface TabCount {
  made: number
  returned: number
}

export type FromTab =
  /** Said before every single `track()`: the call that makes event number `made` comes next. */
  | { kind: 'making'; tab: string; made: number }
  /** Said at the end of the task: every call so far has returned. */
  | ({ kind: 'returned'; tab: string } & TabCount)
  | ({ kind: 'status'; tab: string; status: TabStatus } & TabCount)
  | { kind: 'adopted'; tab: string; producer: string; count: number }
  | ({ kind: 'goodbye'; tab: string } & TabCount)

  /** How many events it made in a comparison. */
  | { kind: 'compared'; tab: string; made: number }

export type FromDashboard =
  | { kind: 'roll_call' }
  | { kind: 'name'; tab: string; number: number }
  /** Make what is due at `perSecond`. Sent by a visible page, because a hidden tab's own timers are throttled. */
  | { kind: 'tick'; perSecond: number }
  | { kind: 'burst'; count: number }
  /** Begin a comparison; then make an event on about every second beat, until the end. */
  | { kind: 'compare'; way: Way | 'lamplight' }
  | { kind: 'beat' }
  | { kind: 'compare_end' }
  /** Close one tab, or all. */
  | { kind: 'close'; tab?: string }

export type Message = FromTab | FromDashboard

export interface Channel {
  say(message: Message): void
}

export function openChannel(hear: (message: Message) => void): Channel {
  const channel = new BroadcastChannel('lamplight-demo')
  channel.onmessage = (event: MessageEvent<Message>) => hear(event.data)
  return { say: (message) => channel.postMessage(message) }
}

/** The Web Lock that a tab of this demo holds while it lives; a killed tab's is gone at once. */
export const lifeLockName = (tab: string): string => `lamplight-demo:tab:${tab}`
