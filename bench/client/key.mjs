/** The write key of a benchmark's server. */
export const KEY = 'wk_bench0000000000000000000000000'
