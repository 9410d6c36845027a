import { join } from 'node:path'
import type { Card } from '@carillon/client'
import { message, row } from './chatting.ts'
import { TEXTS } from './corpus.ts'
import { expect, type Page, PICTURES } from './kit.ts'
import { barriers, dress, overflowing, small } from './places/measure.ts'
import { rest } from './places/places.ts'
import { Program } from './programs.ts'
import { turned } from './turned.ts'
import { test } from './unhurried.ts'
import { Witness } from './witness.ts'

const LEAVE: Card = {
  title: '請假 Annual leave',
  text: '**Amy Chan** asks for *two* days:\n- Monday\n- Tuesday\n\nSee the [rules](https://example.org/rules).',
  tone: 'warning',
  fields: [
    { label: 'From', value: '2026-11-23', short: true },
    { label: 'To', value: '2026-11-24', short: true },
    {
      label: 'Why',
      value: 'Family matters, and a `long` story that takes more than a line to tell',
    },
  ],
  buttons: [
    { label: 'Open', url: 'https://example.org/leave/7' },
    { label: 'Refuse', act: 'refuse', style: 'danger', confirm: 'Refuse the leave of Amy Chan?' },
  ],
  form: {
    inputs: [
      { id: 'who', label: 'Who stands in?', kind: 'text', required: true, max_len: 20 },
      { id: 'days', label: 'Days', kind: 'number', value: '2' },
      {
        id: 'paid',
        label: 'Paid?',
        kind: 'choice',
        required: true,
        options: [
          { value: 'yes', label: '有薪 Paid' },
          { value: 'no', label: '無薪 Unpaid' },
        ],
      },
      { id: 'sure', label: 'I have asked the others', kind: 'toggle' },
    ],
    submit: { label: 'Approve', act: 'approve', style: 'primary' },
  },
}

const NEWS: Card = {
  title: 'Build 412 of web failed',
  url: 'https://example.org/builds/412',
  tone: 'danger',
  items: [
    { title: 'unit tests', text: '3 of 1,204 failed', url: 'https://example.org/1' },
    { title: 'browser tests', text: 'all good' },
  ],
  buttons: [{ label: 'Build again', act: 'again' }],
}

const WORDS = [
  '# Weather',
  '**Warm** and *dry*, ~~rain~~ `24°`',
  '1. first\n2. second\n   - inside',
  '> said before',
  '```\nlet x = <b>1</b>\n```',
  '| shop | sold |\n|---|---|\n| 中環 Central | 12 |\n| 旺角 Mong Kok | 34 |',
].join('\n\n')

/** The smallest picture. */
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

const SIZES = [
  { width: 1440, height: 900 },
  { width: 390, height: 844 },
  { width: 320, height: 640 },
]

const card = (page: Page, title: string) => page.getByRole('region', { name: title })

test('a card is changed in place for everybody', async ({ open, company, server }) => {
  const program = await Program.make(server, company, 'builds')
  const conv = await company.group('Builds', 'amy', 'bob')
  await company.as('amy', 'conv.member.add', { conv, users: [program.user] })
  const seq = await program.card(conv, NEWS)
  const page = await open('amy', { path: `/c/${conv}` })
  const shown = card(page, 'Build 412 of web failed')
  await expect(shown.getByRole('listitem')).toHaveCount(2)
  await expect(shown.getByRole('link', { name: 'unit tests' })).toHaveAttribute(
    'rel',
    'noopener noreferrer',
  )
  await expect(row(page, 'Builds')).toContainText('Build 412 of web failed')

  for (const [state, words] of [
    ['waiting', 'Waiting'],
    ['refused', 'Refused'],
    ['expired', 'Too late'],
    ['done', 'Done'],
  ] as const) {
    await program.call('card.set', { conv, seq, card: { ...NEWS, state, note: `since ${state}` } })
    await expect(shown).toContainText(words)
    await expect(shown).toContainText(`since ${state}`)
    await expect(shown.getByRole('button')).toHaveCount(0)
  }
  await program.call('card.set', { conv, seq, card: { title: 'Build 412 is good' } })
  await expect(card(page, 'Build 412 is good')).toBeVisible()
  await expect(row(page, 'Builds')).toContainText('Build 412 is good')
  await page.reload()
  await expect(card(page, 'Build 412 is good')).toBeVisible()
  await expect(page.getByRole('article')).toHaveCount(1)
})

test('in the list of conversations stands what people read, not how it was written', async ({
  open,
  company,
  server,
}) => {
  const program = await Program.make(server, company, 'lines')
  const conv = await company.group('Lines', 'amy', 'bob')
  await company.as('amy', 'conv.member.add', { conv, users: [program.user] })
  const page = await open('amy')
  const last = row(page, 'Lines').locator('.conv-last')
  await program.markdown(conv, '**Disk** is _full_:\n- see [the page](https://example.org/x)')
  await expect(last).toContainText(/Disk is full: see the page$/)
  await program.markdown(conv, '*not* this', 'The **title** as it is')
  await expect(last).toContainText('The **title** as it is')
  await program.card(conv, { text: '# Lunch\n`rice` or ~~noodles~~' })
  await expect(last).toContainText(/Lunch rice or noodles$/)
})

test('what was changed while somebody was away is told to be so', async ({
  open,
  company,
  server,
}) => {
  const program = await Program.make(server, company, 'away')
  const [bob, carol] = [await company.user('bob'), await company.user('carol')]
  const members = [bob, carol, program.user]
  const made = { title: 'Away', members, history: 'joined' } as const
  const { conv } = await company.as('amy', 'conv.create', made)
  const seq = await program.card(conv, NEWS)
  await company.as('amy', 'conv.member.remove', { conv, users: [bob] })
  await program.call('card.set', { conv, seq, card: { title: 'Build 412 is good' } })
  await company.as('amy', 'conv.member.add', { conv, users: [bob] })
  const words = 'This message was changed at a time that you cannot see.'
  const page = await open('bob', { path: `/c/${conv}` })
  await expect(message(page, words)).toBeVisible()
  await expect(row(page, 'Away')).toContainText(words)
  await expect(page.getByRole('log').getByText('Build 412')).toHaveCount(0)
  const other = await open('carol', { path: `/c/${conv}` })
  await expect(card(other, 'Build 412 is good')).toBeVisible()
})

test('a form is filled in by keyboard, and what is wrong stands at its question', async ({
  open,
  company,
  server,
}) => {
  const program = await Program.make(server, company, 'leave')
  const conv = await company.group('Leave by keys', 'amy', 'bob')
  await company.as('amy', 'conv.member.add', { conv, users: [program.user] })
  await program.card(conv, LEAVE)
  const page = await open('amy', { path: `/c/${conv}` })
  const who = page.getByRole('textbox', { name: 'Who stands in?' })
  await who.focus()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('alert')).toHaveText('Please answer this')
  await expect(who).toBeFocused()
  await expect(who).toHaveAttribute('aria-invalid', 'true')
  await page.keyboard.type('Bob Wong of the second shop')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('alert')).toHaveText('That is too long: please shorten it')
  await page.keyboard.press('Control+A')
  await page.keyboard.type('Bob')
  await page.keyboard.press('Tab')
  await expect(page.getByRole('textbox', { name: 'Days (optional)' })).toBeFocused()
  await page.keyboard.press('Tab')
  await page.keyboard.press('Space')
  await expect(page.getByRole('radio', { name: '有薪 Paid' })).toBeChecked()
  await page.keyboard.press('ArrowDown')
  await expect(page.getByRole('radio', { name: '無薪 Unpaid' })).toBeChecked()
  await page.keyboard.press('Tab')
  await page.keyboard.press('Space')
  await expect(page.getByRole('checkbox', { name: /I have asked/ })).toBeChecked()
  await page.keyboard.press('Tab')
  await expect(page.getByRole('button', { name: 'Approve' })).toBeFocused()
  await page.keyboard.press('Enter')
  // Nobody listens behind this card: whoever filled it in is told, and keeps the answers.
  await expect(page.getByRole('alert')).toContainText('Nobody takes answers to this card')
  await expect(who).toHaveValue('Bob')
})

test('on a phone what went wrong with a form is seen where it was sent', async ({
  open,
  company,
  server,
}) => {
  const program = await Program.make(server, company, 'away')
  const conv = await company.group('Away on a phone', 'amy', 'bob')
  await company.as('amy', 'conv.member.add', { conv, users: [program.user] })
  await program.card(conv, LEAVE)
  const page = await open('amy', { path: `/c/${conv}`, viewport: { width: 390, height: 640 } })
  const approve = page.getByRole('button', { name: 'Approve' })
  await approve.click()
  await expect(page.getByText('Who stands in?')).toBeInViewport({ ratio: 1 })
  await page.getByRole('textbox', { name: 'Who stands in?' }).fill('Bob')
  await page.getByRole('radio', { name: '有薪 Paid' }).check()
  await approve.click()
  const wrong = page.getByRole('alert').filter({ hasText: 'Nobody takes answers' })
  await expect(wrong).toBeInViewport({ ratio: 1 })
  await expect(approve).toBeInViewport()
})

test('who presses a button waits for the answer, and is asked before what cannot be undone', async ({
  open,
  company,
  server,
  wire,
  address,
}) => {
  const program = await Program.make(server, company, 'slow')
  const conv = await company.group('Slow', 'amy', 'bob')
  await company.as('amy', 'conv.member.add', { conv, users: [program.user] })
  await program.card(conv, LEAVE)
  await program.card(conv, NEWS)
  const page = await open('amy', { path: `/c/${conv}`, baseURL: address })
  await rest(page)
  const again = page.getByRole('button', { name: 'Build again' })
  await expect(again).toBeEnabled()
  wire.hold()
  await again.click()
  await expect(again).toHaveAttribute('aria-busy', 'true')
  await expect(again).toBeDisabled()
  wire.letThrough()
  await expect(card(page, 'Build 412 of web failed').getByRole('alert')).toBeVisible()
  await expect(again).toBeEnabled()

  const refuse = page.getByRole('button', { name: 'Refuse' })
  await refuse.focus()
  await page.keyboard.press('Enter')
  const dialog = page.getByRole('dialog')
  await expect(dialog).toContainText('Refuse the leave of Amy Chan?')
  await page.keyboard.press('Escape')
  await expect(dialog).toHaveCount(0)
  await expect(refuse).toBeFocused()
  await page.keyboard.press('Enter')
  await dialog.getByRole('button', { name: 'Refuse' }).click()
  await expect(dialog.getByRole('alert')).toBeVisible()
})

test('cards and Markdown keep nobody out, in pictures', async ({ open, company, server }) => {
  const program = await Program.make(server, company, 'pictures')
  const conv = await company.group('Pictures', 'amy', 'bob')
  await company.as('amy', 'conv.member.add', { conv, users: [program.user] })
  const page = await open('amy', { path: `/c/${conv}`, reducedMotion: 'reduce' })
  const cards = {
    markdown: () => program.markdown(conv, WORDS, '天氣 Weather today'),
    news: () => program.card(conv, NEWS),
    done: () => program.card(conv, { ...LEAVE, state: 'done', note: 'Bob Wong approved it' }),
    open: () => program.card(conv, LEAVE),
  }
  const found: string[] = []
  for (const [name, send] of Object.entries(cards)) {
    await send()
    for (const size of SIZES) {
      await page.setViewportSize(size)
      await page.goto(`/c/${conv}`)
      await expect(page.getByRole('article').last()).toBeVisible()
      await rest(page)
      const wrong = [await overflowing(page), await small(page), await barriers(page)].flat()
      found.push(...wrong.map(fault => `${name} ${size.width}: ${fault}`))
      await page.screenshot({ path: join(PICTURES, `card-${name}-${size.width}-light.png`) })
      await dress(page, 'dark')
      const dark = await barriers(page, 'colour')
      found.push(...dark.map(fault => `${name} ${size.width} in the dark: ${fault}`))
      await page.screenshot({ path: join(PICTURES, `card-${name}-${size.width}-dark.png`) })
      await dress(page, 'light')
    }
  }
  expect(found).toEqual([])
})

test('Markdown is drawn, and what is no Markdown stands there as it was written', async ({
  open,
  company,
  server,
}) => {
  const program = await Program.make(server, company, 'writer')
  const conv = await company.group('Written', 'amy', 'bob')
  await company.as('amy', 'conv.member.add', { conv, users: [program.user] })
  await program.markdown(conv, WORDS, 'Weather today')
  await program.markdown(conv, '[bank.example](https://evil.example) [x](javascript:alert(1))')
  const page = await open('amy', { path: `/c/${conv}` })
  const weather = message(page, 'Weather today')
  await expect(weather.getByRole('strong')).toHaveText('Warm')
  await expect(weather.getByRole('row')).toHaveCount(3)
  await expect(weather.getByRole('list')).toHaveCount(2)
  await expect(weather.getByRole('code').last()).toHaveText('let x = <b>1</b>')
  await expect(row(page, 'Written')).toContainText('bank.example')
  const links = message(page, 'bank.example')
  await expect(links.getByRole('link')).toHaveCount(1)
  await expect(links).toContainText('bank.example (evil.example)')
  await expect(links).toContainText('[x](javascript:alert(1))')
})

test('a picture tells nobody where it is looked at, and is a link where there is none', async ({
  open,
  company,
  server,
  faults,
}) => {
  faults.allow(/Failed to load resource|Content Security Policy/)
  const program = await Program.make(server, company, 'painter')
  const conv = await company.group('Painted', 'amy', 'bob')
  await company.as('amy', 'conv.member.add', { conv, users: [program.user] })
  const from = 'https://pictures.example'
  await program.markdown(conv, `![a cat](${from}/cat.png) and ![a dog](${from}/dog.png)`)
  await program.card(conv, { title: 'Plain', image: 'http://pictures.example/old.png' })
  const page = await open('amy', { path: 'about:blank' })
  const told: (string | undefined)[] = []
  await page.route(`${from}/**`, async route => {
    told.push(route.request().headers().referer)
    if (route.request().url().endsWith('dog.png')) return route.abort()
    return route.fulfill({ contentType: 'image/png', body: PIXEL })
  })
  await page.goto(`/c/${conv}`)
  await expect(page.getByRole('img', { name: 'a cat' })).toHaveJSProperty('naturalWidth', 1)
  const dog = page.getByRole('link', { name: 'a dog' })
  await expect(dog).toHaveAttribute('href', `${from}/dog.png`)
  // The policy allows only what comes over TLS.
  await expect(card(page, 'Plain').getByRole('link', { name: 'Picture' })).toBeVisible()
  expect(told).toEqual([undefined, undefined])
})

test('who means harm is read, and does none', async ({ open, company, server, faults }) => {
  // A picture may be asked for from where it is said to be; the network here leads nowhere.
  faults.allow(/Failed to load resource/)
  const program = await Program.make(server, company, 'harm')
  const conv = await company.group('Harm', 'amy', 'bob')
  await company.as('amy', 'conv.member.add', { conv, users: [program.user] })
  const page = await open('amy', { path: 'about:blank', reducedMotion: 'reduce' })
  await page.route(/evil\.example/, route =>
    route.request().resourceType() === 'image' ? route.abort() : route.continue(),
  )
  const witness = new Witness(server.url)
  await witness.watch(page)
  const line = (text: string) =>
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a line may not have
    [...text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, ' ')].slice(0, 200).join('') || ' '
  const found: string[] = []
  for (const text of TEXTS) {
    await program.markdown(conv, text)
    const label = line(text).trim() || 'nothing'
    const short = text.slice(0, 1_000)
    await program.card(conv, {
      title: label,
      text: short,
      note: label,
      fields: [{ label, value: short }],
      items: [{ title: label, text: short }],
      buttons: [{ label, act: 'x' }],
    })
  }
  await page.goto(`/c/${conv}`)
  await expect(page.getByRole('article').last()).toBeVisible()
  const list = page.getByRole('log')
  for (let more = true; more; ) {
    await rest(page)
    found.push(...(await overflowing(page)), ...(await turned(page)))
    more = await list.evaluate(scrolled => {
      const before = scrolled.scrollTop
      scrolled.scrollBy(0, -scrolled.clientHeight)
      return scrolled.scrollTop < before
    })
  }
  expect(found).toEqual([])
  const pictures = /^sent to https?:\/\/evil\.example\//
  expect(witness.seen.filter(what => !pictures.test(what))).toEqual([])
})
