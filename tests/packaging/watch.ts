// What a page must not do: complain, fail, or talk to anybody but this machine.
import type { BrowserContext } from '@playwright/test'

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]'])

export class Watch {
  readonly complaints: string[] = []

  constructor(context: BrowserContext) {
    context.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning')
        this.complaints.push(`console.${message.type()}: ${message.text()}`)
    })
    // Exceptions and rejections that nobody took.
    context.on('weberror', (error) => this.complaints.push(`uncaught: ${String(error.error())}`))
    context.on('request', (request) => {
      const { protocol, hostname } = new URL(request.url())
      if (/^(http|ws)s?:$/.test(protocol) && !LOOPBACK.has(hostname))
        this.complaints.push(`asked ${hostname}: ${request.url()}`)
    })
  }
}
