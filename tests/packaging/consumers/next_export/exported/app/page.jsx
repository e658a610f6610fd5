'use client'
import { init } from 'lamplight'
import { useEffect } from 'react'
import { visit } from '../../visit.js'

export default function Page() {
  useEffect(() => visit(init, 'exported'), [])
  return null
}
