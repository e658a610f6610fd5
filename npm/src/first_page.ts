// The page on which the user was first seen. It belongs to the context, which exists before a
// module does: while consent is pending, and where WebAssembly is forbidden.

/**
 * The stored first page, or else `here`, which is then stored. `false` stores nothing. Undefined
 * while consent is withdrawn. Without `here`, deletes the stored one.
 */
export function firstPage(namespace: string, here?: object | false): Record<string, unknown> | undefined {
  try {
    const key = `${namespace}:f`
    if (here === undefined) delete localStorage[key]
    else if (!localStorage[`${namespace}:o`]) {
      if (here) localStorage[key] ||= JSON.stringify(here)
      return JSON.parse(localStorage[key])
    }
  } catch {
    // Without storage, every page is the first one.
    return (here || undefined) as Record<string, unknown> | undefined
  }
}
