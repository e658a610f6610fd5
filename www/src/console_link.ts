// Opens pages of the console in another tab, signed in with the demo's viewer token. The token is
// sent in the body of a form, so that it is in no address and no history.
import { byId, make } from './element.ts'

const FORM = 'console'

/** The token changes when the server restarts. Buttons work once there is one. */
export function signInWith(token: string): void {
  const field = byId<HTMLInputElement>('console-token')
  if (field.value === token) return
  field.value = token
  for (const button of document.querySelectorAll<HTMLButtonElement>(`.figures button[form=${FORM}]`))
    button.disabled = false
}

/** A button with the text of what it leads to. Without a path it does nothing yet. */
export function consoleButton(text: string, title: string, path?: string): HTMLButtonElement {
  const button = make('button', { type: 'submit', form: FORM, name: 'next', class: 'link', title }, text)
  setPath(button, path)
  return button
}

export function setPath(button: HTMLButtonElement, path: string | undefined): void {
  if (button.value !== (path ?? '')) button.value = path ?? ''
  button.disabled = path === undefined
}

/** A producer among those that the server knows. */
export const producerPath = (producer: string): string => `/producers?${new URLSearchParams({ producer })}`

/** The stored events of a producer. */
export const eventsPath = (producer: string): string => `/events?${new URLSearchParams({ producer })}`

export const eventPath = (id: string): string => `/events/${encodeURIComponent(id)}`
