// Takes the place of `fetch_warnings.ts` in the entry `lamplight/worker`, because service workers
// may not load a chunk.
import * as warnings from '../debug.ts'

export const fetchWarnings = async () => warnings
