/** Adds `listener` for the events `names` of `target`; returns a function that removes it. */
export function listen<Type extends Event>(
  target: EventTarget,
  names: string[],
  listener: (event: Type) => void,
  capture = false,
): () => void {
  const untyped = listener as (event: Event) => void
  for (const name of names) target.addEventListener(name, untyped, capture)
  return () => {
    for (const name of names) target.removeEventListener(name, untyped, capture)
  }
}
