/** The quantile of a list at `share`, from 0 to 1. */
export function quantile(list, share) {
  const sorted = [...list].sort((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) * share)]
}

/** Median and 99th percentile, rounded to two places. */
export function summary(list) {
  const round = (value) => Math.round(value * 100) / 100
  return { p50: round(quantile(list, 0.5)), p99: round(quantile(list, 0.99)), n: list.length }
}
