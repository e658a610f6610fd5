'use client'
import { load } from 'lamplight/slim'
import { useEffect } from 'react'
import { visit } from '../../../visit.js'

export default function Page() {
  useEffect(() => {
    void load().then((init) => visit(init, 'exported_slim'))
  }, [])
  return null
}
