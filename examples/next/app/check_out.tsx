'use client'
import { useState } from 'react'
import { lamplight } from './lamplight'

export function CheckOut() {
  const [done, setDone] = useState(false)
  const checkOut = async () => {
    const stop = lamplight.timer('checkout.latency', { tags: { app: 'next' } })
    await new Promise((resolve) => setTimeout(resolve, 120))
    stop()
    setDone(true)
  }
  return done ? <p>Thank you.</p> : <button onClick={checkOut}>Check out</button>
}
