import { box, open as enter, message, row, say } from './chatting.ts'
import { expect, type Page, test } from './kit.ts'

/** Two people who look at the same new group. */
async function two(open: (login: string) => Promise<Page>, title: string): Promise<[Page, Page]> {
  const pages: [Page, Page] = [await open('amy'), await open('bob')]
  for (const page of pages) await enter(page, title)
  return pages
}

test('whoever starts a chat finds the other person, who sees it at once', async ({ open }) => {
  const [kelly, henry] = [await open('kelly'), await open('henry')]
  await kelly.getByRole('button', { name: 'New chat' }).click()
  await kelly.getByRole('combobox').fill('henry')
  await kelly.getByRole('option', { name: /Henry Cheng/ }).click()
  await say(kelly, 'The posters for Mong Kok are ready')
  await expect(row(henry, '馬穎妍 Kelly Ma')).toContainText('The posters for Mong Kok are ready')
  await enter(henry, '馬穎妍 Kelly Ma')
  await say(henry, 'Great, I will fetch them')
  await expect(message(kelly, 'Great, I will fetch them')).toBeVisible()
})

test('what is said in a group comes to everybody, and its row to the top', async ({
  open,
  company,
}) => {
  const title = 'Window display'
  await company.group(title, 'amy', 'bob', 'carol')
  const [amy, bob] = await two(open, title)
  const carol = await open('carol')
  await say(amy, 'Who has the ladder?')
  await say(bob, 'It is in the stock room')
  await expect(message(amy, 'It is in the stock room')).toBeVisible()
  await expect(row(carol, title)).toContainText('黃志明 Bob Wong: It is in the stock room')
  await expect(row(carol, title)).toContainText('2 unread messages')
  const first = carol.getByRole('region', { name: 'Conversations' }).getByRole('link').first()
  await expect(first).toContainText(title)
})

test('a mention is chosen by the keyboard, and whoever is mentioned sees a mark', async ({
  open,
  company,
}) => {
  const title = 'Mentions'
  await company.group(title, 'amy', 'bob', 'carol')
  const [amy] = await two(open, title)
  const carol = await open('carol')
  await box(amy).pressSequentially('Hello @')
  const offered = amy.getByRole('listbox', { name: 'Mention somebody' })
  await expect(offered.getByRole('option')).toHaveCount(3)
  await expect(offered.getByRole('option').last()).toContainText('Everyone')
  await box(amy).press('ArrowDown')
  const chosen = offered.getByRole('option', { selected: true })
  await expect(chosen).toContainText('Bob Wong')
  await box(amy).pressSequentially('car')
  await expect(offered.getByRole('option')).toHaveCount(1)
  await box(amy).press('Enter')
  await expect(box(amy)).toHaveValue('Hello @李嘉欣 Carol Lee ')
  await box(amy).pressSequentially('look here')
  await box(amy).press('Enter')
  const mark = row(carol, title).getByRole('img', { name: '@ you' })
  await expect(mark).toBeVisible()
  await carol.reload()
  await expect(mark).toBeVisible()
  await enter(carol, title)
  await expect(message(carol, 'look here').getByText('@李嘉欣 Carol Lee')).toHaveClass(/mention-me/)
  await expect(mark).toBeHidden()
})

test('lines stay lines, and what is not an address does not become a link', async ({
  open,
  company,
}) => {
  const title = 'Texts'
  await company.group(title, 'amy', 'bob')
  const [amy, bob] = await two(open, title)
  await box(amy).fill('first')
  await box(amy).press('Shift+Enter')
  await box(amy).press('Shift+Enter')
  await box(amy).pressSequentially('third  with two spaces')
  await box(amy).press('Enter')
  const lines = message(bob, 'first').getByRole('paragraph').last()
  await expect.poll(() => lines.innerText()).toBe('first\n\nthird  with two spaces')

  await say(amy, 'https://a.example/b?c=1#d, javascript:alert(1) http://bank.example@evil.example/')
  const links = message(bob, 'a.example').getByRole('link')
  await expect(links).toHaveCount(1)
  await expect(links).toHaveAttribute('href', 'https://a.example/b?c=1#d')
  await expect(links).toHaveAttribute('rel', /noopener/)
  await expect(links).toHaveAttribute('target', '_blank')
})

test('a word without an end breaks on the narrowest phone, and nothing goes sideways', async ({
  open,
  company,
}) => {
  const title = 'Narrow'
  const conv = await company.group(title, 'amy', 'bob')
  const bob = await open('bob', { viewport: { width: 320, height: 640 } })
  await enter(bob, title)
  await company.say(conv, 'amy', 'M'.repeat(800))
  await expect(message(bob, 'MMM')).toBeVisible()
  await say(bob, `https://a.example/${'long'.repeat(100)}`)
  await expect(message(bob, 'longlong')).toBeVisible()
  const sideways = await bob.evaluate(() =>
    [...document.querySelectorAll('*')]
      .filter(element => element.getBoundingClientRect().right > innerWidth + 1)
      .map(element => element.outerHTML.slice(0, 100)),
  )
  expect(sideways).toEqual([])
})

test('who writes several lines on a phone sees them where they were sent', async ({
  open,
  company,
}) => {
  const conv = await company.group('Lines', 'amy', 'bob')
  // A number is followed by the time in the row: "box 2" at 00:05 would be "box 200:05".
  for (let number = 1; number <= 20; number += 1) await company.say(conv, 'bob', `box ${number}.`)
  const amy = await open('amy', {
    path: `/c/${conv}`,
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
  })
  await expect(message(amy, 'box 20.')).toBeInViewport()
  const send = amy.getByRole('button', { name: 'Send', exact: true })
  for (const first of ['one', 'two', 'three']) {
    await box(amy).fill(`${first}\nof\nsome\nmore\nlines`)
    await send.tap()
    await expect(message(amy, first)).toBeInViewport({ ratio: 1 })
  }
  await expect(amy.getByRole('button', { name: /latest|new message/ })).toBeHidden()
})

test('an emoji is put where the cursor stands', async ({ open, company }) => {
  const title = 'Emoji'
  await company.group(title, 'amy', 'bob')
  const [amy, bob] = await two(open, title)
  await box(amy).fill('Done!')
  await box(amy).press('Home')
  await amy.getByRole('button', { name: 'Emoji' }).click()
  await amy.getByRole('toolbar', { name: 'Emoji' }).getByRole('button', { name: '🎉' }).click()
  await expect(box(amy)).toHaveValue('🎉Done!')
  await amy.getByRole('button', { name: 'Send', exact: true }).click()
  await expect(message(bob, '🎉Done!')).toBeVisible()
})

test('the Enter that ends a composition never sends half a word', async ({ open, company }) => {
  const title = 'Input methods'
  await company.group(title, 'amy', 'bob')
  const [amy, bob] = await two(open, title)
  const devtools = await amy.context().newCDPSession(amy)
  const compose = (text: string) => {
    const [selectionStart, selectionEnd] = [text.length, text.length]
    return devtools.send('Input.imeSetComposition', { text, selectionStart, selectionEnd })
  }
  await box(amy).focus()
  for (const text of ['n', 'ne', 'nei', '你']) await compose(text)
  await expect(box(amy)).toHaveValue('你')
  // A key that the input method takes has this code in every browser.
  const key = { key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 229 }
  await devtools.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...key })
  await devtools.send('Input.dispatchKeyEvent', { type: 'keyUp', ...key })
  // Some input methods let the key through while they compose.
  await box(amy).press('Enter')
  await compose('你好')
  await devtools.send('Input.insertText', { text: '你好' })
  const ended = await amy.evaluate(() => performance.now())
  await expect(box(amy)).toHaveValue(/你好\s*$/)
  await expect(amy.getByRole('article')).toHaveCount(0)
  // The next Enter is another one, which nobody presses as fast as a machine.
  await amy.waitForFunction(ended => performance.now() > ended + 100, ended)
  await box(amy).press('Enter')
  await expect(message(bob, '你好')).toBeVisible()
  await expect(bob.getByRole('article')).toHaveCount(1)
  await expect(box(amy)).toHaveValue('')
})

test('what was begun in a conversation is still there after a reload', async ({
  open,
  company,
}) => {
  await company.group('Drafts one', 'amy', 'bob')
  await company.group('Drafts two', 'amy', 'bob')
  const amy = await open('amy')
  await enter(amy, 'Drafts one')
  await box(amy).fill('half a thought\nin two lines')
  await enter(amy, 'Drafts two')
  await expect(box(amy)).toHaveValue('')
  await box(amy).fill('another one')
  await amy.reload()
  await expect(box(amy)).toHaveValue('another one')
  await enter(amy, 'Drafts one')
  await expect(box(amy)).toHaveValue('half a thought\nin two lines')
  await box(amy).press('Enter')
  await expect(message(amy, 'half a thought')).toBeVisible()
  await amy.reload()
  await expect(message(amy, 'half a thought')).toBeVisible()
  await expect(box(amy)).toHaveValue('')
})

test('a text that is too long cannot be sent, and says by how much', async ({ open, company }) => {
  const title = 'Long'
  await company.group(title, 'amy', 'bob')
  const [amy, bob] = await two(open, title)
  await box(amy).fill('x'.repeat(16 * 1024 + 5))
  await expect(amy.getByText('Too long by about 5 characters')).toBeVisible()
  await expect(amy.getByRole('button', { name: 'Send', exact: true })).toBeDisabled()
  await box(amy).press('Enter')
  await box(amy).fill('short enough')
  await box(amy).press('Enter')
  await expect(message(bob, 'short enough')).toBeVisible()
  await expect(bob.getByRole('article')).toHaveCount(1)
})

test('a page that does not exist, or a conversation of others, says so', async ({
  open,
  company,
}) => {
  const conv = await company.group('Not for Carol', 'amy', 'bob')
  const carol = await open('carol', { path: `/c/${conv}` })
  await expect(carol.getByText('This conversation cannot be found')).toBeVisible()
  await carol.goto('/nowhere')
  await carol.getByRole('link', { name: 'Go to chats' }).click()
  await expect(carol.getByRole('region', { name: 'Conversations' })).toBeVisible()
})
