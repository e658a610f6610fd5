// Detects warnings, errors, and requests to other machines.
import type { BrowserContext } from '@playwright/test'

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]'])

export class Watch {
  readonly problems: string[] = []

  constructor(context: BrowserContext) {
    context.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning')
        this.problems.push(`console.${message.type()}: ${message.text()}`)
    })
    // Uncaught exceptions and unhandled rejections.
    context.on('weberror', (error) => this.problems.push(`uncaught: ${String(error.error())}`))
    context.on('request', (request) => {
      const { protocol, hostname } = new URL(request.url())
      if (/^(http|ws)s?:$/.test(protocol) && !LOOPBACK.has(hostname))
        this.problems.push(`requested ${hostname}: ${request.url()}`)
    })
  }
}
