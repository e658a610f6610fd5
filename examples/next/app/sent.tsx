'use client'
import { useEffect, useState } from 'react'
import { lamplight } from './lamplight'

/** How many events of this page the server has on disk. */
export function Sent() {
  const [sent, setSent] = useState(0)
  useEffect(() => lamplight.on('delivered', () => setSent(lamplight.stats().sent)), [])
  return <p>Sent: <output>{sent}</output></p>
}
