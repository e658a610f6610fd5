// The tab lock's state, from the SDK's keys in localStorage and from what the tabs say.
import type { LockKeys } from './local_storage.ts'

export interface LockTab {
  number: number
  producer: string
  phase: string
  isOpen: boolean
}

export type LockState =
  | { kind: 'free' }
  /** These tabs are trying to get it; none if only a tab that has ended had claimed it. */
  | { kind: 'claimed'; by: string[]; leftBy?: string }
  | { kind: 'held'; by: string; hasEnded: boolean }

const CLAIMING = new Set(['requesting', 'claiming', 'checking'])

/**
 * The lock itself is held for milliseconds, to write the lease. The lease names the tab that does
 * the shared work. So a lease means held, and a claim in register y, or a tab on its way to one,
 * means that it is being claimed.
 */
export function lockState(keys: LockKeys, tabs: readonly LockTab[]): LockState {
  const name = (producer: string): string => {
    const tab = tabs.find((one) => one.producer === producer)
    return tab ? `Tab ${tab.number}` : `a tab that is not listed (…${producer.slice(-6)})`
  }
  const isOpen = (producer: string): boolean => tabs.some((tab) => tab.producer === producer && tab.isOpen)
  // `<producer>:<epoch>:<beat>` and `<producer>.<attempt>.<settle time>`.
  const [holder = ''] = keys.lease.split(':')
  const [claimant = ''] = keys.y.split('.')
  if (holder) return { kind: 'held', by: name(holder), hasEnded: !isOpen(holder) }
  const claiming = tabs.filter((tab) => tab.isOpen && (CLAIMING.has(tab.phase) || tab.producer === claimant))
  const isLeft = claimant !== '' && !isOpen(claimant)
  if (claiming.length === 0 && !isLeft) return { kind: 'free' }
  const by = claiming.map((tab) => `Tab ${tab.number}`)
  return { kind: 'claimed', by, ...(isLeft && { leftBy: name(claimant) }) }
}

/** The state in a few words, and what it means. */
export function lockText(state: LockState): { title: string; detail: string } {
  switch (state.kind) {
    case 'free':
      return {
        title: 'Free',
        detail:
          'No tab needs it. Every tab sends its own events. The lock decides which tab sends the events of a closed tab, and which one retries for all while the server is down.',
      }
    case 'claimed': {
      const left = state.leftBy ? ` ${state.leftBy} claimed it and has ended; its claim expires in a few seconds.` : ''
      if (state.by.length === 0) return { title: 'Claimed by a tab that has ended', detail: left.trim() }
      return {
        title: `Being claimed by ${state.by.join(', ')}`,
        detail: `Tabs see each other’s writes late, so a claim takes about half a second.${left}`,
      }
    }
    case 'held':
      return {
        title: `Held by ${state.by}`,
        detail: state.hasEnded
          ? 'This tab has ended. Another tab takes over as soon as it notices.'
          : 'It sends the events of tabs that have ended, and retries for all tabs while the server fails.',
      }
  }
}
