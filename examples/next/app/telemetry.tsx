'use client'
import { auto } from 'lamplight/auto'
import { LamplightProvider } from 'lamplight/react'
import type { ReactNode } from 'react'
import { lamplight } from './lamplight'

/** Gives the client to all pages, and counts the one that is shown and each that the router goes to. */
export function Telemetry({ children }: { children: ReactNode }) {
  return (
    <LamplightProvider client={lamplight} watch={auto}>
      {children}
    </LamplightProvider>
  )
}
