'use client'
import { lamplight } from './lamplight'

export function SignUp({ plan }: { plan: 'free' | 'pro' }) {
  return <button onClick={() => lamplight.track('signed_up', { plan })}>Sign up</button>
}
