// Tracks web vitals with the library `web-vitals`, which the page provides.
import type { AnyLamplight } from '../types.ts'

/** A measurement, as the library reports it. */
export interface Vital {
  name: string
  value: number
  rating: string
  id: string
  navigationType?: string
}

/** The library, or the part of it to use. */
export type Vitals = {
  [Name in 'onCLS' | 'onFCP' | 'onINP' | 'onLCP' | 'onTTFB']?: (report: (vital: Vital) => void) => void
}

const NAMES = ['onCLS', 'onFCP', 'onINP', 'onLCP', 'onTTFB'] as const

export function watchVitals(lamplight: AnyLamplight, given: Vitals | (() => Promise<Vitals>)): () => void {
  // The library has no way to stop measuring.
  let isOver = false
  const report = ({ name, value, rating, id, navigationType }: Vital): void => {
    if (isOver) return
    const metric = `web_vitals.${name.toLowerCase()}`
    const options = { properties: { id, navigation_type: navigationType }, tags: { rating } }
    if (name === 'CLS') lamplight.gauge(metric, value, options)
    else lamplight.timing(metric, value, { ...options, unit: 'ms' })
  }
  const start = (vitals: Vitals): void => {
    if (!isOver) for (const name of NAMES) vitals[name]?.(report)
  }
  // A page that fails to load the library has no vitals.
  if (typeof given === 'function') void given().then(start, () => {})
  else start(given)
  return () => {
    isOver = true
  }
}
