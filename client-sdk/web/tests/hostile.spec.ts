import type { ConvId, DepartmentId, UserId } from '@carillon/client'
import { box } from './chatting.ts'
import { Company } from './company.ts'
import { kept, NAMES, TEXTS, TURNING } from './corpus.ts'
import { expect, PASSWORD, type Page } from './kit.ts'
import { overflowing } from './places/measure.ts'
import { rest } from './places/places.ts'
import { turned } from './turned.ts'
import { test as base } from './unhurried.ts'
import { Witness } from './witness.ts'

/** A company where whatever has a name has a bad one. */
interface Harm {
  people: UserId[]
  groups: ConvId[]
  departments: DepartmentId[]
  /** Where everything was said. */
  said: ConvId
  /** To join, and to set a password. */
  links: { join: string; password: string }
}

const ORG = `<img src=x onerror=window.__pwned=1> ${TURNING} & Co`
/** What stands after a name that turns the line must still be read from left to right. */
const AFTER = 'plain words'

async function harm(company: Company): Promise<Harm> {
  const departments: DepartmentId[] = []
  for (const name of NAMES) {
    const made = await company.as('frank', 'org.department.create', { name })
    departments.push(made.department)
  }
  for (const name of NAMES) await company.as('frank', 'org.role.create', { name, permissions: [] })
  const people: UserId[] = []
  for (const [number, name] of NAMES.entries()) {
    const place = departments[number]
    const person = { login: `bad.${number}`, name, title: name }
    const added = { ...person, departments: place ? [place] : [] }
    people.push((await company.as('frank', 'org.member.add', added)).user)
  }
  const groups: ConvId[] = []
  for (const [number, title] of NAMES.entries()) {
    const members = people.slice(number, number + 2)
    groups.push((await company.as('amy', 'conv.create', { title, members })).conv)
  }
  const said = await company.as('amy', 'conv.create', { title: TURNING, members: people })
  for (const text of TEXTS) await company.say(said.conv, 'amy', text)
  await turn(company, said.conv)
  for (const label of NAMES.slice(-8)) {
    await company.as('amy', 'session.login', { login: 'amy', password: PASSWORD, label })
  }
  const department = departments.at(NAMES.indexOf(TURNING)) ?? ''
  const frank = await company.user('frank')
  await company.as('frank', 'org.member.update', { user: frank, name: TURNING, title: TURNING })
  await company.as('frank', 'org.update', { name: ORG })
  const join = await company.as('frank', 'org.invite.create', { uses: 9, department })
  const password = await company.as('frank', 'org.invite.create', { user: people[0] ?? '' })
  const links = { join: join.token, password: password.token }
  return { people, groups, departments, said: said.conv, links }
}

/** Somebody whose name turns the line writes, and is mentioned. */
async function turn(company: Company, conv: ConvId): Promise<void> {
  const user = await company.hire('turner', TURNING)
  await company.as('amy', 'conv.member.add', { conv, users: [user] })
  const text = `@${kept(TURNING)} ${AFTER}`
  await company.as('amy', 'msg.send', { conv, body: { kind: 'text', text, mentions: [user] } })
  await company.say(conv, 'turner', AFTER)
}

const test = base.extend<{ enter: (login: string | undefined) => Promise<Page> }, { harm: Harm }>({
  // Before the first test, which else would take these people for its own and let them go.
  harm: [
    async ({ server }, use) => use(await harm(new Company(server))),
    { scope: 'worker', auto: true },
  ],
  enter: async ({ open, server, faults }, use) => {
    faults.allow(/status of 40[14]/)
    const witness = new Witness(server.url)
    await use(async login => {
      const page = await open(login, { path: 'about:blank', reducedMotion: 'reduce' })
      await witness.watch(page)
      return page
    })
    expect(witness.seen).toEqual([])
  },
})

const SIZES = [
  { width: 1440, height: 900 },
  { width: 320, height: 640 },
]

/** What is wrong with the looks of a page on both screens. */
async function brokenOn(page: Page): Promise<string[]> {
  const found: string[] = []
  for (const size of SIZES) {
    await page.setViewportSize(size)
    await rest(page)
    const wrong = [...(await overflowing(page)), ...(await turned(page))]
    found.push(...wrong.map(fault => `${new URL(page.url()).pathname} ${size.width}: ${fault}`))
  }
  return found
}

/** Goes to another page of the app, as a click on a link does. */
async function follow(page: Page, path: string): Promise<void> {
  await page.evaluate(path => history.pushState(null, '', path), path)
}

test('the corpus is large, and fits', async () => {
  expect(new Set(NAMES).size).toBeGreaterThanOrEqual(60)
  expect(NAMES.filter(name => [...name].length > 100)).toEqual([])
})

test('titles of groups are texts, in the list and above the messages', async ({ enter, harm }) => {
  const page = await enter('amy')
  await page.setViewportSize({ width: 320, height: 640 })
  await page.goto(`/c/${harm.said}`)
  const found: string[] = []
  for (const [number, conv] of harm.groups.entries()) {
    await follow(page, `/c/${conv}`)
    const heading = page.getByRole('heading', { level: 1 })
    await expect.poll(() => heading.textContent()).toBe(kept(NAMES[number] ?? ''))
    found.push(...(await overflowing(page)), ...(await turned(page)))
  }
  await follow(page, '/')
  const list = page.locator('.convs-scroll')
  await expect(list).toBeVisible()
  for (let more = true; more; ) {
    found.push(...(await overflowing(page)), ...(await turned(page)))
    more = await list.evaluate(scrolled => {
      const before = scrolled.scrollTop
      scrolled.scrollBy(0, scrolled.clientHeight)
      return scrolled.scrollTop > before
    })
    await rest(page)
  }
  expect(found).toEqual([])
})

test('messages are texts, whatever they say', async ({ enter, harm }) => {
  const page = await enter('turner')
  await page.goto(`/c/${harm.said}`)
  const list = page.getByRole('log')
  await expect(page.getByRole('article').last()).toBeVisible()
  const read = new Set<string>()
  const found: string[] = []
  for (let more = true; more; ) {
    await rest(page)
    for (const text of await page.locator('.words').allTextContents()) read.add(text)
    found.push(...(await brokenOn(page)))
    await page.setViewportSize({ width: 1440, height: 900 })
    more = await list.evaluate(scrolled => {
      const before = scrolled.scrollTop
      scrolled.scrollBy(0, -scrolled.clientHeight)
      return scrolled.scrollTop < before
    })
  }
  expect(found).toEqual([])
  expect(TEXTS.filter(text => !read.has(text))).toEqual([])
})

test('what a person writes is a text too, before it is sent and after', async ({
  enter,
  company,
}) => {
  const conv = await company.group('Writing harm', 'bob', 'carol')
  const page = await enter('bob')
  await page.goto(`/c/${conv}`)
  for (const name of NAMES) {
    await box(page).fill(name)
    await page.keyboard.press('Escape')
    await box(page).press('Control+Enter')
    await expect(box(page)).toHaveValue('')
  }
  await expect.poll(() => company.unread('carol', conv)).toBe(NAMES.length)
  expect(await brokenOn(page)).toEqual([])
})

test('members, readers and whoever can be mentioned have names, and nothing more', async ({
  enter,
  harm,
}) => {
  const page = await enter('amy')
  const found: string[] = []
  await page.goto(`/c/${harm.said}`)
  await page.getByRole('button', { name: 'Group details' }).click()
  const panel = page.getByRole('complementary', { name: 'Group details' })
  await expect(panel.getByRole('listitem').first()).toBeVisible()
  found.push(...(await brokenOn(page)))
  await page.setViewportSize({ width: 1440, height: 900 })
  await page.goto(`/c/${harm.said}`)
  const mine = page.getByRole('article').filter({ hasText: `@${kept(TURNING)}` })
  await mine.getByRole('button', { name: /who has read it/ }).click()
  await expect(page.getByRole('tabpanel').getByRole('listitem').first()).toBeVisible()
  found.push(...(await brokenOn(page)))
  await page.goto(`/c/${harm.said}`)
  await box(page).pressSequentially('@')
  await expect(page.getByRole('option').first()).toBeVisible()
  found.push(...(await brokenOn(page)))
  expect(found).toEqual([])
})

test('whatever is searched for is only searched for', async ({ enter, harm }) => {
  const page = await enter('amy')
  await page.goto('/')
  const found: string[] = []
  const searchEach = async (name: string, role: 'textbox' | 'combobox' = 'textbox') => {
    const line = page.getByRole(role, { name, exact: true })
    for (const name of NAMES) await line.fill(name)
    await line.fill(`nobody ${TURNING}`)
    await expect(page.getByText(/^(Nothing is called|Nobody found for)/)).toBeVisible()
    found.push(...(await overflowing(page)), ...(await turned(page)))
    await line.fill(NAMES[0] ?? '')
  }
  expect(harm.groups.length).toBe(NAMES.length)
  await searchEach('Search chats')
  await page.getByRole('button', { name: 'New group' }).click()
  await searchEach('Search people', 'combobox')
  await page.goto('/people')
  await searchEach('Search people')
  expect(found).toEqual([])
})

test('people, and where they work, are names to colleagues', async ({ enter, harm }) => {
  const page = await enter('amy')
  const found: string[] = []
  await page.goto('/people')
  await expect(page.getByRole('list', { name: 'People' })).toBeVisible()
  found.push(...(await brokenOn(page)))
  for (const [number, person] of harm.people.entries()) {
    await follow(page, `/people?d=${harm.departments[number]}&p=${person}`)
    const heading = page.getByRole('region', { name: 'About this person' }).getByRole('heading')
    await expect.poll(() => heading.textContent()).toBe(kept(NAMES[number] ?? ''))
    found.push(...(await overflowing(page)), ...(await turned(page)))
  }
  await page.goto('/settings')
  await expect(page.getByText('This device', { exact: true })).toBeVisible()
  found.push(...(await brokenOn(page)))
  expect(found).toEqual([])
})

test('administrators see names as well', async ({ enter, harm }) => {
  const page = await enter('frank')
  const found: string[] = []
  const turning = NAMES.indexOf(TURNING)
  const paths = {
    '/admin/people': page.getByRole('list', { name: 'People' }),
    [`/admin/people/${harm.people[turning]}`]: page.getByRole('button', { name: 'Save' }),
    [`/admin/people/${harm.people[0]}`]: page.getByRole('button', { name: 'Save' }),
    '/admin/departments': page.getByRole('treeitem').first(),
    [`/admin/departments?d=${harm.departments[turning]}`]:
      page.getByLabel('Name of the department'),
    '/admin/roles': page.getByRole('listitem').last(),
    '/admin/invitations': page.getByRole('listitem').first(),
    '/admin/organisation': page.getByLabel('Name of the organisation'),
  }
  for (const [path, there] of Object.entries(paths)) {
    await page.goto(path)
    await expect(there).toBeVisible()
    found.push(...(await brokenOn(page)))
    await page.setViewportSize({ width: 1440, height: 900 })
  }
  expect(found).toEqual([])
})

test('the cells of a table are texts in its dry run', async ({ enter, harm }) => {
  const page = await enter('frank')
  expect(harm.people.length).toBe(NAMES.length)
  await page.goto('/admin/import')
  const cell = (text: string) => `"${text.replaceAll('"', '""')}"`
  const lines = NAMES.map((name, number) => {
    const cells = [`import.${number}`, name, name, name, `bad.${number}`].map(cell)
    return cells.join(',')
  })
  const wrong = NAMES.map(name => [name, name, name, name, name].map(cell).join(','))
  for (const rows of [lines, [...lines, ...wrong]]) {
    const table = ['login,name,title,department,manager', ...rows].join('\n')
    await page.getByLabel('Or paste it here').fill(table)
    await page.getByRole('button', { name: 'Check', exact: true }).click()
    await expect(page.getByRole('heading', { name: 'What would happen' })).toBeVisible()
    expect(await brokenOn(page)).toEqual([])
    await page.setViewportSize({ width: 1440, height: 900 })
  }
})

test('before one is in, the organisation and whoever invites have names too', async ({
  enter,
  harm,
}) => {
  const found: string[] = []
  for (const path of ['/', `/join#${harm.links.join}`, `/join#${harm.links.password}`]) {
    const page = await enter(undefined)
    await page.goto(path)
    await expect(page.getByText(kept(ORG)).first()).toBeVisible()
    found.push(...(await brokenOn(page)))
  }
  expect(found).toEqual([])
})
