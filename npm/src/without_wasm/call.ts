import type { Core } from 'lamplight:host'

/** A call that waits for the translated client. */
export type Call = [name: keyof Core, args: unknown[]]
