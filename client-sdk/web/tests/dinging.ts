import { join } from 'node:path'
import type { Args, ConvId, UserId } from '@carillon/client'
import type { Locator } from '@playwright/test'
import type { Company } from './company.ts'
import { expect, PASSWORD, type Page, PICTURES } from './kit.ts'

/** A phone of today, which is touched. */
export const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true } as const

/** Who sends, who receives, and the group that they are in: nobody else is disturbed by alerts. */
export interface Shop {
  readonly manager: string
  readonly staff: readonly string[]
  readonly names: readonly string[]
  readonly users: readonly UserId[]
  readonly conv: ConvId
  readonly title: string
}

/** What most alerts of the tests say. */
export const SHIFT = 'Tomorrow the morning shift begins at 8:30 instead of 9:00. Please confirm.'

let shops = 0

const NAMES = ['Ada', 'Ben', 'Cam', 'Dot', 'Eve', 'Fay', 'Gus', 'Hal', 'Ida', 'Joe']

/** A shop of its own for a test: a manager, and so many people whom the manager leads. */
export async function shop(company: Company, people: number): Promise<Shop> {
  shops += 1
  const at = `${process.pid}-${shops}`
  const hire = async (login: string, name: string, manager?: UserId) => {
    const added = { login, name, password: PASSWORD }
    const { user } = await company.as('frank', 'org.member.add', added)
    if (manager) await company.as('frank', 'org.member.update', { user, manager })
    return user
  }
  const manager = `max-${at}`
  const lead = await hire(manager, `Max ${shops}`)
  const names = NAMES.slice(0, people).map(name => `${name} ${shops}`)
  const staff = NAMES.slice(0, people).map(name => `${name.toLowerCase()}-${at}`)
  const users: UserId[] = []
  for (const [index, login] of staff.entries()) {
    users.push(await hire(login, names[index] ?? login, lead))
  }
  const title = `早更 Morning shift ${shops}`
  const { conv } = await company.as(manager, 'conv.create', { title, members: users })
  return { manager, staff, names, users, conv, title }
}

/** Sends an alert to all staff, behind the pages. */
export function send(company: Company, of: Shop, more: Partial<Args<'ding.send'>> = {}) {
  return company.as(of.manager, 'ding.send', { text: SHIFT, to: { users: [...of.users] }, ...more })
}

/** The alert over everything. */
export function alert(page: Page): Locator {
  return page.getByRole('alertdialog', { name: 'DING' })
}

/** Takes a picture of a page as it stands. */
export async function look(page: Page, name: string): Promise<void> {
  const width = page.viewportSize()?.width
  await page.screenshot({ path: join(PICTURES, `${name}-${width}.png`) })
}

/** Counts how often somebody touches or clicks a page, where they do not write. */
export async function taps(page: Page): Promise<() => Promise<number>> {
  await page.addInitScript(() => {
    addEventListener(
      'click',
      event => {
        const isWriting = event.target instanceof Element && event.target.closest('textarea, input')
        const before = Number(sessionStorage.getItem('taps') ?? 0)
        if (event.isTrusted && !isWriting) sessionStorage.setItem('taps', String(before + 1))
      },
      { capture: true },
    )
  })
  return () => page.evaluate(() => Number(sessionStorage.getItem('taps') ?? 0))
}

/** The list of those who are equally far, as `Not confirmed yet`. */
export function group(page: Page, name: string): Locator {
  return page.getByRole('group').filter({ has: page.getByText(new RegExp(`^${name}: \\d+$`)) })
}

export async function tallied(page: Page, confirmed: number, total: number): Promise<void> {
  await expect(
    page.getByRole('heading', { name: `${confirmed} of ${total} confirmed` }),
  ).toBeVisible()
}
