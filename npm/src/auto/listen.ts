// Listening that can be ended.

/** Has `listener` hear of the events `names` of `target`; returns what ends it. */
export function listen<Heard extends Event>(
  target: EventTarget,
  names: string[],
  listener: (event: Heard) => void,
  capture = false,
): () => void {
  const hear = listener as (event: Event) => void
  for (const name of names) target.addEventListener(name, hear, capture)
  return () => {
    for (const name of names) target.removeEventListener(name, hear, capture)
  }
}
