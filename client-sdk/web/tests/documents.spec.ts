import { join } from 'node:path'
import { expect, PICTURES, test } from './kit.ts'
import { barriers, overflowing } from './places/measure.ts'

for (const [device, width] of [['phone', 390] as const, ['desktop', 1440] as const]) {
  test(`whoever writes a program finds the operations, on a ${device}`, async ({
    open,
    server,
  }) => {
    const page = await open(undefined, {
      path: 'about:blank',
      viewport: { width, height: 844 },
    })
    const asked: string[] = []
    page.on('request', request => asked.push(request.url()))
    await page.goto('/docs')
    await page
      .getByRole('navigation', { name: 'Contents' })
      .getByRole('link', { name: 'msg' })
      .click()
    const contents = page.getByRole('region', { name: 'msg' })
    await contents.getByRole('listitem').getByRole('link', { name: 'msg.send' }).click()
    const heading = page.getByRole('heading', { name: 'msg.send' })
    const operation = page.getByRole('article').filter({ has: heading })
    await expect(operation).toBeInViewport()
    await expect(operation).toContainText('takes effect once')
    await operation.getByText('With curl').click()
    await expect(operation.getByText('curl $SERVER/v1/rpc/msg.send')).toBeVisible()
    await page.screenshot({ path: join(PICTURES, `documents-${device}.png`) })
    await operation.getByRole('link', { name: 'MsgBody' }).click()
    await expect(page.getByRole('heading', { name: 'MsgBody' })).toBeInViewport()
    expect(await overflowing(page)).toEqual([])
    expect(await barriers(page)).toEqual([])
    expect(asked.every(url => url.startsWith(`${server.url}/`))).toBe(true)
  })
}
