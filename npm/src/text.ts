// Texts in the forms in which they cross into a module.

/** Undefined in some test environments, where no module runs. */
export const encoder = (globalThis.TextEncoder && new TextEncoder()) as TextEncoder

/**
 * The text with everything but ASCII escaped. JSON keeps its meaning, storage needs one byte per
 * character, and the module needs no Unicode.
 */
export function ascii(text: string): string {
  return text.replace(/[^\0-\x7f]/g, (unit) => `\\u${(unit.charCodeAt(0) + 0x10000).toString(16).slice(1)}`)
}
