/** Fetches the translated client. */
export const fetchTranslated = () => import('./translated.js')
