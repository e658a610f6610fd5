import Link from 'next/link'
import type { ReactNode } from 'react'
import { Sent } from './sent'
import { Telemetry } from './telemetry'

export const metadata = { title: 'Lamplight with Next', icons: 'data:,' }

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <Telemetry>
          <nav>
            <Link href="/">Home</Link> <Link href="/checkout">Checkout</Link>
          </nav>
          {children}
          <Sent />
        </Telemetry>
      </body>
    </html>
  )
}
