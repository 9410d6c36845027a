/**
 * Ids: ULIDs, 26 characters. Own code, because a reply's id is calculated from two others, and
 * with that the rest is six lines.
 */

import type { Cid, EventId, UserId } from './protocol.ts'

const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const LENGTH = 26
const RANDOM_BITS = 80n
const RANDOM_MASK = (1n << RANDOM_BITS) - 1n

let last = 0n

/**
 * A new ULID: sorts after every one that this program made before, also when the clock stands
 * still or goes back.
 */
export function newId(): string {
  const words = crypto.getRandomValues(new Uint16Array(5))
  const random = words.reduce((all, word) => (all << 16n) | BigInt(word), 0n)
  const next = (BigInt(Date.now()) << RANDOM_BITS) | random
  last = next >> RANDOM_BITS > last >> RANDOM_BITS ? next : last + 1n
  return write(last)
}

/**
 * The `cid` with which one answers a message: of each message and each one who answers another
 * one, with the message's time. Every SDK of Carillon calculates the same.
 */
export function replyCid(to: EventId, me: UserId): Cid {
  const message = read(to)
  const random = (message ^ (read(me) << 40n)) & RANDOM_MASK
  return write((message & ~RANDOM_MASK) | random)
}

function read(id: string): bigint {
  return [...id].reduce((all, digit) => (all << 5n) | BigInt(DIGITS.indexOf(digit)), 0n)
}

function write(value: bigint): string {
  let text = ''
  for (let shift = BigInt(5 * (LENGTH - 1)); shift >= 0n; shift -= 5n) {
    text += DIGITS.charAt(Number((value >> shift) & 31n))
  }
  return text
}
