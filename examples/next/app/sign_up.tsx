'use client'
import { useTrack } from 'lamplight/react'
import type { Events } from './lamplight'

export function SignUp({ plan }: { plan: 'free' | 'pro' }) {
  const track = useTrack<Events>()
  return (
    <button type="button" onClick={() => track('signed_up', { plan })}>
      Sign up
    </button>
  )
}
