import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Company } from './company.ts'
import { expect, type Page, PICTURES } from './kit.ts'
import { barriers, overflowing, small } from './places/measure.ts'
import { rest } from './places/places.ts'
import { test } from './unhurried.ts'

/** What the browser itself says of a refused call. */
const REFUSED = /status of 40[0134]/
const SIZES = [
  { width: 1440, height: 900 },
  { width: 390, height: 844 },
  { width: 320, height: 640 },
]

const log = (page: Page) => page.getByRole('region', { name: /^Audit log/ })
const entries = (page: Page) => log(page).getByRole('listitem')
const entry = (page: Page, words: string | RegExp) => entries(page).filter({ hasText: words })

/** Waits until an operation has a row: rows follow what was done, and nobody waits for them. */
async function written(company: Company, op: string, outcome: 'done' | 'refused' = 'done') {
  const row = async () => {
    const { rows } = await company.as('frank', 'audit.list', { op, limit: 1 })
    return rows[0]?.what.outcome
  }
  await expect.poll(row).toBe(outcome)
}

test('an administrator reads who did what, to whom, when and from where', async ({
  open,
  company,
  faults,
}) => {
  faults.allow(REFUSED)
  const title = 'Night shift 夜班'
  const conv = await company.group(title, 'amy', 'bob')
  await company.hire('zoe', 'Zoe Yip')
  await company.as('amy', 'conv.member.add', { conv, users: [await company.user('carol')] })
  await company.as('amy', 'org.update', { name: 'Mine' }).catch(() => undefined)
  await written(company, 'conv.member.add')
  await written(company, 'org.update', 'refused')
  const frank = await open('frank', { path: '/admin' })
  await frank.getByRole('link', { name: 'Audit log' }).click()
  await expect(frank.getByRole('heading', { level: 1, name: 'Audit log' })).toBeVisible()
  await expect(log(frank).getByRole('heading', { name: 'Today' })).toBeVisible()
  const added = entry(frank, /added Zoe Yip/)
  await expect(added).toContainText('127.0.0.1')
  await expect(added.getByText(/^\d\d:\d\d$/)).toBeVisible()
  await expect(entry(frank, /added people to a group that you are not in/)).toBeVisible()
  await expect(entry(frank, /tried what is not allowed \(Settings/)).toContainText('Refused')
  await expect(entry(frank, 'no words for')).toHaveCount(0)

  await added.locator('summary').focus()
  await frank.keyboard.press('Enter')
  await expect(added.getByText('org.member.add')).toBeVisible()
  await expect(added.getByText(`member:${await company.user('zoe')}`)).toBeVisible()
})

test('rows are found by person, kind and day; the filter stands in the address', async ({
  open,
  company,
}) => {
  await company.hire('yan', 'Yan Lo')
  await company.as('frank', 'org.role.create', { name: 'Keys', permissions: [] })
  await written(company, 'org.role.create')
  const frank = await open('frank', { path: '/admin/audit' })
  await expect(entry(frank, /added Yan Lo/)).toBeVisible()
  await frank.getByLabel('Kind').selectOption('Roles')
  await expect(entry(frank, /created the role Keys/)).toBeVisible()
  await expect(entry(frank, /added Yan Lo/)).toHaveCount(0)
  await frank.getByRole('combobox', { name: 'By whom' }).fill('amy')
  await frank.getByRole('option', { name: /Amy Chan/ }).click()
  await expect(frank.getByText('Nothing fits these filters')).toBeVisible()
  await frank.reload()
  await expect(frank.getByText('Nothing fits these filters')).toBeVisible()
  await frank.getByRole('button', { name: 'Clear the filters' }).click()
  await expect(entry(frank, /added Yan Lo/)).toBeVisible()

  const day = new Intl.DateTimeFormat('en-CA', { timeZone: 'Asia/Hong_Kong' })
  const [today, tomorrow] = [0, 24].map(hours => day.format(Date.now() + hours * 3_600_000))
  await frank.getByLabel('To', { exact: true }).fill(`${today}`)
  await frank.getByLabel('From', { exact: true }).fill(`${today}`)
  await expect(entry(frank, /added Yan Lo/)).toBeVisible()
  await frank.getByLabel('To', { exact: true }).fill(`${tomorrow}`)
  await frank.getByLabel('From', { exact: true }).fill(`${tomorrow}`)
  await expect(frank.getByText('Nothing fits these filters')).toBeVisible()
})

test('older rows are a step away, and what is filtered can be kept as a table', async ({
  open,
  company,
}) => {
  for (let number = 1; number <= 70; number += 1) {
    await company.as('frank', 'org.role.create', { name: `Role ${number}`, permissions: [] })
  }
  await expect(async () => {
    const { rows } = await company.as('frank', 'audit.list', { op: 'org.role.create', limit: 200 })
    expect(rows.length).toBeGreaterThanOrEqual(70)
  }).toPass()
  const frank = await open('frank', { path: '/admin/audit?kind=org.role.' })
  await expect(entries(frank)).toHaveCount(50)
  await expect(entries(frank).first()).toContainText('created the role Role 70')
  await expect(log(frank).getByText(/created the role Role 1$/)).toHaveCount(0)
  await frank.getByRole('button', { name: 'Show older' }).click()
  await expect(log(frank).getByText(/created the role Role 1$/)).toBeVisible()
  await expect(frank.getByRole('button', { name: 'Show older' })).toHaveCount(0)

  const coming = frank.waitForEvent('download')
  await frank.getByRole('button', { name: 'Download as CSV' }).click()
  const file = await coming
  await expect(frank.getByText(/^\d+ lines were downloaded\.$/)).toBeVisible()
  expect(file.suggestedFilename()).toMatch(/^audit-\d{4}-\d\d-\d\d\.csv$/)
  const lines = readFileSync(await file.path(), 'utf8')
    .trimEnd()
    .split('\r\n')
  expect(lines[0]).toContain('number,time,person')
  const created = lines.filter(line => line.includes(',org.role.create,'))
  expect(created.length).toBeGreaterThanOrEqual(70)
  expect(created[0]).toContain('created the role Role 70')
  expect(lines.slice(1).every(line => line.includes(',org.role.'))).toBe(true)
})

test('who may not see the log sees none of it, nor the way to it', async ({ open, company }) => {
  const role = await company.as('frank', 'org.role.create', {
    name: 'Hiring only',
    permissions: ['people'],
  })
  const user = await company.hire('quinn', 'Quinn Sze')
  await company.as('frank', 'org.member.update', { user, roles: [role.role] })
  const quinn = await open('quinn', { path: '/admin' })
  await expect(quinn.getByRole('link', { name: 'Staff' })).toBeVisible()
  await expect(quinn.getByRole('link', { name: 'Audit log' })).toHaveCount(0)
  await quinn.goto('/admin/audit')
  await expect(quinn.getByText('You may not do this.')).toBeVisible()
  await expect(log(quinn)).toHaveCount(0)
})

test('when the log cannot be read one is told, and tries again', async ({ open }) => {
  const frank = await open('frank')
  let works = false
  await frank.routeWebSocket('**/v1/ws', socket => {
    const server = socket.connectToServer()
    socket.onMessage(message => {
      const call = JSON.parse(`${message}`)
      if (works || call.op !== 'audit.list') return server.send(message)
      socket.send(
        JSON.stringify({ t: 'err', re: call.id, code: 'E_QUOTA', msg: 'full', retry: 'no' }),
      )
    })
  })
  await frank.goto('/admin/audit')
  await expect(frank.getByRole('alert')).toBeVisible()
  works = true
  await frank.getByRole('button', { name: 'Try again' }).click()
  await expect(entries(frank).first()).toBeVisible()
  await expect(frank.getByRole('alert')).toHaveCount(0)
})

for (const language of ['en', 'zh-HK', 'zh-CN'] as const) {
  test(`the log fits every screen in ${language}`, async ({ open, faults, company }) => {
    faults.allow(REFUSED)
    await company.as('amy', 'org.update', { name: 'Mine' }).catch(() => undefined)
    const frank = await open('frank', { language, path: '/admin/audit' })
    const list = frank.locator('.audit-entry')
    await expect(list.first()).toBeVisible()
    await list.first().locator('summary').click()
    for (const size of SIZES) {
      await frank.setViewportSize(size)
      await rest(frank)
      const found = [await overflowing(frank), await small(frank), await barriers(frank)].flat()
      expect(found, `${size.width}`).toEqual([])
      await frank.screenshot({ path: join(PICTURES, `audit-${language}-${size.width}.png`) })
    }
  })
}
