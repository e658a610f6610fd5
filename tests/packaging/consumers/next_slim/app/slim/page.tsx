'use client'
import { load } from 'lamplight/slim'
import { useEffect, useState } from 'react'

/** A page of the example that fetches the module as a file. */
export default function Slim() {
  const [stored, setStored] = useState<boolean>()
  useEffect(() => {
    const start = async () => {
      const init = await load()
      const lamplight = init({
        url: process.env.NEXT_PUBLIC_LAMPLIGHT_URL!,
        key: process.env.NEXT_PUBLIC_LAMPLIGHT_KEY!,
      })
      setStored(lamplight.track('opened_slim').stored)
    }
    void start()
  }, [])
  return <p>stored: {String(stored)}</p>
}
