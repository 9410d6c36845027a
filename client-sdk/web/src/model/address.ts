/** Addresses that others chose: which of them a page may lead to, or show a picture from. */

/** An address of the web; none if it pretends to be another one by a name before an `@`. */
export function webAddress(address: string): string | undefined {
  if (!URL.canParse(address)) return undefined
  const url = new URL(address)
  const isWeb = url.protocol === 'http:' || url.protocol === 'https:'
  return isWeb && url.username === '' && url.password === '' ? url.href : undefined
}

/** The pictures of digests, which this server keeps: nothing else of it is shown by an address. */
const OWN_PICTURE = /^\/v1\/bot\/pictures\/[0-7][0-9A-HJKMNP-TV-Z]{25}$/

/** Where a picture may come from: the web, or the pictures of digests. */
export function pictureAddress(address: string): string | undefined {
  return OWN_PICTURE.test(address) ? address : webAddress(address)
}

/** An address of the web, or one to write to. */
export function linkAddress(address: string): string | undefined {
  const isMail = URL.canParse(address) && new URL(address).protocol === 'mailto:'
  return isMail ? new URL(address).href : webAddress(address)
}

/** Where a link leads if its words name another place: whoever clicks must be able to see that. */
export function elsewhere(words: string, href: string): string | undefined {
  const text = words.trim()
  const named = /^https?:/i.test(text) ? text : `https://${text}`
  if (!/^(https?:\/\/)?[^\s/]+\.[^\s/]+/i.test(text) || !URL.canParse(named)) return undefined
  const [said, real] = [new URL(named).host, new URL(href).host]
  return said === real || `www.${said}` === real || said === `www.${real}` ? undefined : real
}
