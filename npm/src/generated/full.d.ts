// Generated from sdk-wasm/src/bindings.rs by npm/generated.mjs.
import type { FullListener as Listener } from '../full_functions.ts'
import type { Stats } from './reports.ts'

/** Makes the instance of the module, once. */
export function initSync(module?: { module: WebAssembly.Module }): unknown

/**
 * Ends a client whose code threw.
 */
export function client_abandon(client: number): void;

/**
 * Sends what it can, and stops. The client ends once its requests have been answered.
 */
export function client_close(client: number): boolean;

/**
 * The user consents (again).
 */
export function client_consent(client: number): boolean;

/**
 * Sets the `context` object of later events, as JSON text; none when empty.
 */
export function client_context(client: number, json: string): boolean;

/**
 * Sends all waiting events now; the note `flushed` reports the end.
 */
export function client_flush(client: number): boolean;

/**
 * Sets the user id of later events; an empty one resets the person.
 */
export function client_identify(client: number, id: string): boolean;

/**
 * Whether an event of this page still waits for its 2xx.
 */
export function client_queued(client: number, seq: number): boolean | undefined;

/**
 * Starts a client, and returns its number. 0 stands for an option's default.
 *
 * `consent` is the page's answer. Without one, an earlier withdrawal stays in force.
 */
export function client_start(listener: Listener, consent: boolean | null | undefined, url: string, namespace: string, liveness: boolean, interval_ms: number, events_max: number, batch_bytes_max: number, storage_bytes_max: number, overflow_bytes_max: number): number;

/**
 * Where the client's events are.
 */
export function client_stats(client: number): Stats | undefined;

/**
 * Continues a first client that handed over `state` and what releases its Web Lock; otherwise like
 * [`client_start`].
 */
export function client_take_over(listener: Listener, state: string, release_lock: Function | null | undefined, url: string, namespace: string, liveness: boolean, interval_ms: number, events_max: number, batch_bytes_max: number, storage_bytes_max: number, overflow_bytes_max: number): number;

/**
 * Stores an event. All parts cross in one text, one per line: the JSON of `properties`, `user` and
 * `monitor`, the type, and the name. All of it is ASCII; type and name are escaped as inside a
 * JSON string, and `name_bytes` is the name's length in UTF-8 without escapes.
 *
 * Returns 8 times the event's number plus the index of its outcome in
 * [`TrackOutcome::ALL`].
 */
export function client_track(client: number, ts_ms: number, parts: string, name_bytes: number): number;

/**
 * Withdraws consent: deletes waiting events and declares their numbers. With `forgets`, also
 * deletes person and session.
 */
export function client_withdraw(client: number, forgets: boolean): boolean;
