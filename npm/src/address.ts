// The page's address, and what events keep of the addresses of pages.

/**
 * A title, or an address, without the query and fragment of any address in it, which may contain
 * secrets or search terms. Cut to 500 characters, and not in the middle of a surrogate pair.
 */
export function brief<Text extends string | undefined>(text: Text): Text {
  return text?.slice(0, 500).replace(/(:\/\/[^\s?#]*)[?#]\S*|[\ud800-\udbff]$/g, '$1') as Text
}

/** The address of a page; of the hash only a route, and of a route only its path. */
export function address({ origin, pathname, hash }: Location | URL): string {
  return (origin + pathname + (/^#!?\/[^?#&=]*/.exec(hash) ?? '')).slice(0, 500)
}
