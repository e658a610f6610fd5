// What stands in documentation for things that everybody has of their own, and what it is in a test.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Server } from '../server.ts'

/** Within the workspace, so that its packages are found from there. */
const PLACES = fileURLToPath(new URL('../../results/docs/', import.meta.url))

/** The keys that documentation shows, and that its server has. */
export const SHOWN_KEYS = {
  LAMPLIGHT_WRITE_KEY: 'wk_try_me_now',
  LAMPLIGHT_SECRET_KEY: 'sk_try_me_then_make_your_own',
  LAMPLIGHT_ADMIN_TOKEN: 'at_try_me_then_make_your_own',
}

/** A folder and a server to try one story in. */
export class Place {
  readonly folder: string
  readonly server: Server
  /** The address of `https://shop.example.com`, if something serves it. */
  shop: string | undefined

  /** Outside the workspace a story finds only what it installs itself. */
  constructor(server: Server, parent = PLACES) {
    mkdirSync(parent, { recursive: true })
    this.folder = mkdtempSync(parent)
    this.server = server
  }

  /** The text with the addresses of this place in it. Nothing else of a snippet is changed. */
  localized(text: string): string {
    const there = text
      .replaceAll('https://t.example.com', this.server.url)
      .replaceAll('127.0.0.1:8787', new URL(this.server.url).host)
    return this.shop ? there.replaceAll('https://shop.example.com', this.shop) : there
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
