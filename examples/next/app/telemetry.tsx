'use client'
import { auto } from 'lamplight/auto'
import { LamplightProvider } from 'lamplight/react'
import type { ReactNode } from 'react'
import { lamplight } from './lamplight'

/** Provides the client to all pages, and tracks the first page view and each navigation. */
export function Telemetry({ children }: { children: ReactNode }) {
  return (
    <LamplightProvider client={lamplight} watch={auto}>
      {children}
    </LamplightProvider>
  )
}
