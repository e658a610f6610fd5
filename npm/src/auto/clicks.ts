// Tracks clicks on elements that the page has marked.

import type { AnyLamplight, Properties } from '../types.ts'
import { isFirst } from './handled.ts'
import { listen } from './listen.ts'

const PREFIX = 'data-track-'

export function watchClicks(lamplight: AnyLamplight): () => void {
  /** The control that the browser clicks next, because its label was clicked and tracked. */
  let next: Element | null = null
  const clicked = (event: MouseEvent): void => {
    if (!isFirst(lamplight, event)) return
    // The composed path includes elements inside open shadow roots.
    const path = event.composedPath().filter((one): one is Element => one instanceof Element)
    if (next && path[0] === next) {
      next = null
      return
    }
    const marked = path.find((one) => one.hasAttribute('data-track') || one.hasAttribute(`${PREFIX}ignore`))
    const name = marked?.getAttribute('data-track')
    if (!marked || !name || path.some((one) => one.hasAttribute(`${PREFIX}ignore`))) return
    // The middle button only has an effect on links.
    if (event.type === 'auxclick' && (event.button !== 1 || !path.some((one) => one.matches('a[href]')))) return
    const label = path.find((one): one is HTMLLabelElement => one instanceof HTMLLabelElement)
    next = label?.control ?? null
    // A click on the control itself is not repeated.
    if (next && path.includes(next)) next = null
    // The browser clicks the control in the same task, if the control is enabled and no listener
    // prevents it.
    if (next) setTimeout(() => (next = null))
    lamplight.track(name, propertiesOf(marked))
  }
  // Before the page's own listeners, which may stop the event or leave the page.
  return listen(document, ['click', 'auxclick'], clicked, true)
}

/** `data-track-item-id="7"` is `{ item_id: '7' }`. */
function propertiesOf({ attributes }: Element): Properties | undefined {
  const given = [...attributes].filter(({ name }) => name.startsWith(PREFIX))
  if (!given.length) return undefined
  return Object.fromEntries(given.map(({ name, value }) => [name.slice(PREFIX.length).replaceAll('-', '_'), value]))
}
