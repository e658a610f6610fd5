import type { Core } from '../core.ts'

/** A call that waits for the translated client. */
export type Call = [name: keyof Core, args: unknown[]]
