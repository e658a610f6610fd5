// Generated from sdk-wasm/src/reports.rs by the tests beside it.
import type { DropReason, FlushReason, LockPhase } from './codes.ts'

/** Something that happened. */
export type NoteReport = { kind: "delivered",
/** The events. */
delivered: Delivered,
} | { kind: "adopted",
/** The events. */
delivered: Delivered,
} | { kind: "dropped",
/** The event. */
dropped: Dropped,
} | { kind: "failed",
/** The HTTP status; 0 when there was no response. */
status: number,
/** How long nothing is sent, in milliseconds. */
waitMs: number,
} | { kind: "flushed",
/** Its result. */
report: Report,
} | { kind: "withdrawn" };

/** Events that the server acknowledged with a 2xx. */
export type Delivered = {
/** Their producer. */
producer: string,
/** Their ids. */
ids: Array<string>,
/** How many they are. */
count: number,
};

/** An event that was dropped. It is counted and declared to the server. */
export type Dropped = {
/** Its producer. */
producer: string,
/** Its id. */
id: string,
/** The cause. */
reason: DropReason,
};

/** The result of `flush()`. */
export type Report = {
/** Events delivered since the call. */
sent: number,
/** Events still queued. */
queued: number,
/** The HTTP status that ended it early; 0 if there was no answer. */
status?: number,
};

/** Where this page's events are, counted from the start of the page. */
export type Stats = {
/** The name of this page as the maker of its events. */
producer: string,
/** Events numbered. */
made: number,
/** Events without a 2xx. */
queued: number,
/** The bytes of these events, as far as they are not in a request. */
queuedBytes: number,
/** Bytes that Lamplight uses in localStorage, including keys. */
stored: number,
/** This page's events in `IndexedDB`, and the bytes of their blocks. */
overflow: OverflowStats,
/** Other tabs' events in localStorage, when last scanned. */
foreign: number,
/** This page's events delivered. */
sent: number,
/** Orphaned events of closed tabs that this page delivered, or found to have arrived. */
adopted: number,
/** This page's events that were dropped, by reason. */
dropped: DroppedStats,
/** Batches sent, answered or not. */
requests: number,
/** Why the last request was sent. */
lastFlush?: FlushReason,
/** The last failure. */
lastError?: string,
/** How much longer sending is paused, in milliseconds. */
backoffMs: number,
/** The lock that decides which tab delivers orphaned events. */
lock: LockStats,
};

/** A page's events in `IndexedDB`. */
export type OverflowStats = {
/** The events. */
events: number,
/** The bytes of their blocks. */
bytes: number,
};

/** Dropped events, by reason. */
export type DroppedStats = {
/** There was no room for them. */
quota: number,
/** The server can never store them. */
rejected: number,
/** They were larger than the limits allow. */
too_large: number,
/** The user withdrew consent. */
opted_out: number,
};

/** The lock that decides which tab delivers orphaned events. */
export type LockStats = {
/** This tab's part in it. */
phase: LockPhase,
/** The producer that delivers orphaned events. */
holder?: string,
/** The last holders, oldest first. */
history: Array<TenureStats>,
};

/** A holder of the lock. */
export type TenureStats = {
/** When this tab first saw it, in milliseconds since 1970. */
since: number,
/** How many times the lock was taken until then, as far as this browser knows. */
epoch: number,
/** Its producer. */
holder: string,
};
