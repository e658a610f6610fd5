'use client'
import { useLamplight } from 'lamplight/react'
import { useState } from 'react'

export function CheckOut() {
  const lamplight = useLamplight()
  const [done, setDone] = useState(false)
  const checkOut = async () => {
    const stop = lamplight.timer('checkout.latency', { tags: { app: 'next' } })
    await new Promise((resolve) => setTimeout(resolve, 120))
    stop()
    setDone(true)
  }
  return done ? (
    <p>Thank you.</p>
  ) : (
    <button type="button" onClick={checkOut}>
      Check out
    </button>
  )
}
