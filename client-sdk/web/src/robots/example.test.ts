import { expect, test } from 'vitest'
import { addressesOf, commandOf, linesOf } from './example.ts'

const { dingtalk } = addressesOf('https://chat.example', 'ab12')

test('a command posts to the address, whatever it says', () => {
  expect(commandOf(dingtalk, "Amy's", undefined)).toBe(
    "curl -H 'Content-Type: application/json' \\\n" +
      '  -d \'{"msgtype":"text","text":{"content":"Amy\\u0027s"}}\' \\\n' +
      "  'https://chat.example/robot/send?access_token=ab12'",
  )
})

test('a signed command computes the signature of the moment', () => {
  const command = commandOf(dingtalk, 'hi', 'SEC1')
  expect(command).toContain("secret='SEC1'")
  expect(command).toContain('access_token=ab12&timestamp=$time&sign=$sign"')
  expect(command).toContain(`printf '%s\\n%s' "$time" "$secret"`)
})

test('what is written a line each is a list', () => {
  expect(linesOf(' a \n\n b\r\n')).toEqual(['a', 'b'])
})
