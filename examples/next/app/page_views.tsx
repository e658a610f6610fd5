'use client'
import { usePathname } from 'next/navigation'
import { useEffect } from 'react'
import { countView } from './lamplight'

/** Counts the page that is shown, and each that the router goes to. Renders nothing. */
export function PageViews() {
  const path = usePathname()
  useEffect(() => countView(path), [path])
  return null
}
