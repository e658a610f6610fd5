// Takes the place of `fetch_translated.ts` in the entry `lamplight/worker`.

/** Service workers may not load the translated client. */
export const fetchTranslated = (): Promise<never> => Promise.reject(new Error('workers need WebAssembly'))
