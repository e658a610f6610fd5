// A second place for the decision to withdraw consent, because many sites clear localStorage when a
// user logs out. It is an empty database, and its existence is the decision.
import type { NoteListeners } from './notes.ts'

/** Creates or deletes the copy. */
export function copyDenial(namespace: string, isDenied: boolean): void {
  const name = `${namespace}:o`
  try {
    if (isDenied) indexedDB.open(name).onsuccess = ({ target }) => (target as IDBOpenDBRequest).result.close()
    else indexedDB.deleteDatabase(name)
  } catch {
    // Without IndexedDB, the decision in localStorage is the only one.
  }
}

/**
 * Calls `deny` if only the copy has the decision. In localStorage, a text stands for a denial, and
 * the empty text for consent that was given again. After it was cleared, it has neither.
 */
export async function recallDenial(namespace: string, listeners: NoteListeners, deny: () => void): Promise<void> {
  let stored: string | undefined
  try {
    stored = localStorage[`${namespace}:o`]
  } catch {}
  const isAnswered = () => listeners.consent === 'granted' || listeners.consent === 'denied'
  if (isAnswered()) copyDenial(namespace, listeners.consent === 'denied')
  else if (stored !== undefined) copyDenial(namespace, !!stored)
  else {
    // Some browsers have no list. In a sandboxed frame, asking for it leaves a rejected promise of
    // Chromium's.
    const databases = await Promise.resolve()
      .then(() => (globalThis.origin === 'null' ? [] : indexedDB.databases()))
      .catch(() => [])
    if (!isAnswered() && databases.some(({ name }) => name === `${namespace}:o`)) deny()
  }
}
