// Replaces the addresses that the documentation uses by those of a test.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Server } from '../server.ts'

/** Inside the workspace, so that its packages are found. */
const FOLDERS = fileURLToPath(new URL('../../results/docs/', import.meta.url))

/** The keys that the documentation shows, which its server has. */
export const SHOWN_KEYS = {
  LAMPLIGHT_WRITE_KEY: 'wk_try_me_now',
  LAMPLIGHT_SECRET_KEY: 'sk_try_me_then_make_your_own',
  LAMPLIGHT_ADMIN_TOKEN: 'at_try_me_then_make_your_own',
}

/** A folder and a server to run one story in. */
export class Sandbox {
  readonly folder: string
  readonly server: Server
  /** The address that replaces `https://shop.example.com`, if there is one. */
  shop: string | undefined

  /** With a `parent` outside the workspace, a story finds only the packages that it installs. */
  constructor(server: Server, parent = FOLDERS) {
    mkdirSync(parent, { recursive: true })
    this.folder = mkdtempSync(parent)
    this.server = server
  }

  /** The text with the addresses of this sandbox. Nothing else of a snippet is changed. */
  withLocalAddresses(text: string): string {
    const replaced = text
      .replaceAll('https://t.example.com', this.server.url)
      .replaceAll('127.0.0.1:8787', new URL(this.server.url).host)
    return this.shop ? replaced.replaceAll('https://shop.example.com', this.shop) : replaced
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
