// The demo page, used through its buttons.
import { type BrowserContext, expect, type Page } from '@playwright/test'

export type State = 'idle' | 'holds' | 'on_the_way' | 'dropped' | 'broken' | 'unknown'

export interface Equation {
  made: number
  stored: number
  onTheWay: number
  dropped: number
  lost: number
  duplicates: number
}

/** Where events wait in the browser, as the page shows it. */
export interface Waiting {
  keys: number
  blocks: number
  overflow: number
  memory: number
}

export class DemoPage {
  readonly page: Page

  private constructor(page: Page) {
    this.page = page
  }

  static async open(context: BrowserContext, url: string): Promise<DemoPage> {
    const page = await context.newPage()
    await page.goto(`${url}/demo/`)
    return new DemoPage(page)
  }

  press(name: string): Promise<void> {
    return this.page.getByRole('button', { name, exact: true }).click()
  }

  /** Lets the tabs make events at this rate. The page ends it, because clicks of tests are late. */
  async pressFor(rate: string, ms: number): Promise<void> {
    await this.page.evaluate(
      async ([rate, ms]) => {
        const press = (name: string): void => {
          for (const button of document.querySelectorAll('button')) if (button.textContent === name) button.click()
        }
        press(rate)
        await new Promise((resolve) => setTimeout(resolve, ms))
        press('Stop')
      },
      [rate, ms] as const,
    )
  }

  /** Selects the server's fault by its label on the page. */
  choose(name: string): Promise<void> {
    return this.page.getByRole('radio', { name, exact: true }).check()
  }

  /** Presses the button and returns the tabs that opened. */
  async openTabs(button: string, count: number): Promise<Page[]> {
    const opened: Page[] = []
    const collect = (page: Page): void => void opened.push(page)
    this.page.context().on('page', collect)
    await this.press(button)
    await expect.poll(() => opened.length, { message: 'tabs opened' }).toBe(count)
    this.page.context().off('page', collect)
    for (const tab of opened) await expect(tab.locator('#producer')).not.toHaveText('–')
    await this.page.bringToFront()
    return opened
  }

  async expectState(state: State, withinMs: number): Promise<void> {
    const seen = (): Promise<string> =>
      this.page.locator('#equation').evaluate((element) => `${element.dataset.state}: ${element.textContent?.trim()}`)
    await expect.poll(seen, { message: 'the equation', timeout: withinMs }).toMatch(new RegExp(`^${state}:`))
  }

  /** All figures at one moment. */
  async equation(): Promise<Equation> {
    const ids = ['made', 'stored', 'on-the-way', 'dropped', 'lost', 'duplicates']
    const [made, stored, onTheWay, dropped, lost, duplicates] = await this.#numbers(ids.map((id) => `#${id}`))
    return { made, stored, onTheWay, dropped, lost, duplicates } as Equation
  }

  async waiting(): Promise<Waiting> {
    const ids = ['keys', 'blocks', 'overflow', 'memory']
    const [keys, blocks, overflow, memory] = await this.#numbers(ids.map((id) => `#waiting-${id} .count`))
    return { keys, blocks, overflow, memory } as Waiting
  }

  async #numbers(selectors: string[]): Promise<number[]> {
    const texts = await this.page.evaluate(
      (all) => all.map((one) => document.querySelector(one)?.textContent ?? ''),
      selectors,
    )
    return texts.map((text) => Number(text.replaceAll(',', '')))
  }

  doneSteps(): Promise<number> {
    return this.page.locator('#steps .done').count()
  }
}
