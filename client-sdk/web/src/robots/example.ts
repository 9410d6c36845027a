/** Where programs of others post. */
export interface Addresses {
  dingtalk: string
  hook: string
}

export function addressesOf(origin: string, token: string): Addresses {
  return {
    dingtalk: `${origin}/robot/send?access_token=${token}`,
    hook: `${origin}/hook/${token}`,
  }
}

/** What a shell posts, signed if there is a secret. */
export function commandOf(address: string, words: string, secret: string | undefined): string {
  const message = { msgtype: 'text', text: { content: words } }
  // Between single quotes a shell changes nothing; JSON can do without them.
  const body = JSON.stringify(message).replaceAll("'", '\\u0027')
  const post = (url: string) =>
    `curl -H 'Content-Type: application/json' \\\n  -d '${body}' \\\n  ${url}`
  if (secret === undefined) return post(`'${address}'`)
  return [
    `secret='${secret}'`,
    'time="$(date +%s)000"',
    'sign="$(printf \'%s\\n%s\' "$time" "$secret" |',
    '  openssl dgst -sha256 -hmac "$secret" -binary | base64 | sed \'s/+/%2B/g\')"',
    post(`"${address}&timestamp=$time&sign=$sign"`),
  ].join('\n')
}

/** The lines of a text that say something. */
export function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '')
}
