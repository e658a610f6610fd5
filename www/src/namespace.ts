/**
 * The prefix of the SDK's keys in localStorage, and the name of its database in IndexedDB. With its
 * own, the demo counts no events of other pages of this origin.
 */
export const NAMESPACE = 'll:demo'
