'use client'
import { useLamplight } from 'lamplight/react'
import { useEffect, useState } from 'react'

/** The number of events of this page that the server has on disk. */
export function Sent() {
  const lamplight = useLamplight()
  const [sent, setSent] = useState(0)
  useEffect(() => lamplight.on('delivered', () => setSent(lamplight.stats().sent)), [lamplight])
  return (
    <p>
      Sent: <output>{sent}</output>
    </p>
  )
}
