import Link from 'next/link'
import type { ReactNode } from 'react'
import { PageViews } from './page_views'
import { Sent } from './sent'

export const metadata = { title: 'Lamplight with Next', icons: 'data:,' }

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <nav>
          <Link href="/">Home</Link> <Link href="/checkout">Checkout</Link>
        </nav>
        {children}
        <Sent />
        <PageViews />
      </body>
    </html>
  )
}
