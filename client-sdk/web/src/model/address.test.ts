import { expect, test } from 'vitest'
import { elsewhere, linkAddress, pictureAddress, webAddress } from './address.ts'

test('only addresses of the web and of mail lead somewhere', () => {
  expect(webAddress('https://example.org/a b')).toBe('https://example.org/a%20b')
  expect(linkAddress('mailto:hr@example.org')).toBe('mailto:hr@example.org')
  const harmful = [
    'javascript:alert(1)',
    'java\nscript:alert(1)',
    ' javascript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    'blob:https://example.org/x',
    '//example.org',
    '/v1/rpc/session.logout',
    'https://example.org@evil.example',
    '',
  ]
  for (const address of harmful) expect(linkAddress(address), address).toBeUndefined()
  expect(webAddress('mailto:hr@example.org')).toBeUndefined()
})

test('a link whose words name another place says where it leads', () => {
  const evil = 'https://evil.example/x'
  expect(elsewhere('https://bank.example', evil)).toBe('evil.example')
  expect(elsewhere('bank.example/login', evil)).toBe('evil.example')
  expect(elsewhere('evil.example', evil)).toBeUndefined()
  expect(elsewhere('https://www.evil.example/y', evil)).toBeUndefined()
  expect(elsewhere('the report', evil)).toBeUndefined()
  expect(elsewhere('Really? Yes. No.', evil)).toBeUndefined()
})

test('of this server only the pictures of digests are shown by an address', () => {
  const own = '/v1/bot/pictures/01K5ZKW000P1CTP1CTP1CTP1C1'
  expect(pictureAddress(own)).toBe(own)
  expect(pictureAddress('https://example.org/a.png')).toBe('https://example.org/a.png')
  for (const address of [
    '/v1/bot/pictures/',
    '/v1/bot/pictures/../../rpc/session.logout',
    `${own}/x`,
    `${own}?x`,
    ` ${own}`,
    `/${own}`,
    '/v1/bot/pictures/01k5zkw000p1ctp1ctp1ctp1c1',
    '/v1/rpc/session.logout',
    'javascript:alert(1)',
    'data:image/png;base64,AAAA',
  ]) {
    expect(pictureAddress(address), address).toBeUndefined()
  }
  expect(webAddress(own), 'nor does a link lead there').toBeUndefined()
})
