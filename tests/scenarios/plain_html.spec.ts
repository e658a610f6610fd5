import { startExample } from '../harness/example.ts'
import { expect, test } from '../harness/test.ts'

test('the plain HTML example starts with one command, and its events arrive', async ({ page }) => {
  const example = await startExample('plain-html')
  try {
    await page.goto(example.page)
    await page.getByLabel('Plan').selectOption('pro')
    await page.getByRole('button', { name: 'Sign up' }).click()
    await page.getByRole('button', { name: /Check out/ }).click()
    await expect(page.locator('#sent')).toHaveText('3')
    await expect.poll(async () => (await example.api.totals()).stored).toBe(3)
    const rows = await example.api.events()
    expect(rows.find((row) => row.name === 'signed_up')?.properties).toEqual({ plan: 'pro' })
    expect(rows.find((row) => row.name === 'checkout.latency')).toMatchObject({
      type: 'monitor',
      monitor: { kind: 'timer', tags: { page: 'plain-html' } },
    })
    expect(rows.some((row) => row.name === 'page')).toBe(true)
  } finally {
    await example.stop()
  }
})
