/** Fetches the warnings about mistakes. */
export const fetchWarnings = () => import('./debug.js')
