import {
  type Args,
  CarillonError,
  Client,
  indexedDb,
  newId,
  type Op,
  type Queued,
  type Reply,
  rpc,
  type UserId,
} from '@carillon/client'
import { create } from 'zustand'
import type { Language } from '../../texts/plugin.ts'
import { Answers, draftName } from '../ding/answers.ts'
import { Drafts } from '../model/drafts.ts'
import { isDeviceOfAnother, ownDevice } from '../push/own.ts'
import { preferred } from '../texts/language.tsx'
import { speak, texts } from './language.ts'

export type Identity = Reply<'session.whoami'>

/** Who is signed in on this device. */
export type Session =
  | { state: 'loading' }
  | { state: 'unreachable'; because: unknown }
  | { state: 'out'; because?: CarillonError }
  | { state: 'in'; me: Identity; client: Client }

export const useSession = create<Session>(() => ({ state: 'loading' }))

/** Over HTTP with the cookie: for those who are not signed in, and for what is not in a socket. */
export function ask<O extends Op>(op: O, args: Args<O>): Promise<Reply<O>> {
  return rpc(location.origin, op, args)
}

/** Tells several windows of one browser apart. */
const TAB = newId()

let beginning: Promise<void> | undefined
let forgetting: Promise<void> | undefined

/** The database of a person's outbox. */
function outboxOf(user: UserId): string {
  return `carillon-${user}`
}

/**
 * Looks who is signed in and connects; once, however often it is asked.
 *
 * @param chosen the language that the person chose while signing in, which becomes theirs
 */
export function begin(chosen?: Language): Promise<void> {
  beginning ??= connect(chosen).finally(() => {
    beginning = undefined
  })
  return beginning
}

async function connect(chosen: Language | undefined): Promise<void> {
  // The same person may come back before what was there is gone.
  await forgetting
  try {
    if (useSession.getState().state === 'in') return
    const me = await ask('session.whoami', {})
    const locale = chosen ?? preferred([me.locale])
    if (locale !== me.locale && chosen) await ask('org.member.update', { locale })
    await speak(locale)
    // Whoever is here now did not ask for alerts on this device.
    if (isDeviceOfAnother(me.user)) await pushed(({ clearHere }) => clearHere())
    const client = await Client.open({
      url: location.origin,
      token: async () => (await ask('session.token', {})).token,
      user: me.user,
      state: indexedDb(outboxOf(me.user)),
      tab: TAB,
    })
    follow(client)
    useSession.setState({ state: 'in', me: { ...me, locale }, client }, true)
  } catch (error) {
    useSession.setState(
      isOut(error) ? { state: 'out' } : { state: 'unreachable', because: error },
      true,
    )
  }
}

/** Whether an error says that nobody is signed in. */
function isOut(error: unknown): boolean {
  return error instanceof CarillonError && error.retry === 'reauth'
}

/** Until the client ends: connects at once when there is a reason to hope. */
function follow(client: Client): void {
  const ended = new AbortController()
  const again = () => client.reconnect()
  addEventListener('online', again, { signal: ended.signal })
  // The browser may have kept the page aside, and ended its connections.
  addEventListener('pageshow', again, { signal: ended.signal })
  const seen = () => document.visibilityState === 'visible' && again()
  document.addEventListener('visibilitychange', seen, { signal: ended.signal })
  client.listen(update => {
    if (update.kind !== 'connection' || update.connection.state !== 'ended') return
    ended.abort()
    void leave(client, update.connection.error)
  })
}

/** Looks again who the person is: the name or what they may administer has changed. */
export async function refreshMe(client: Client): Promise<void> {
  let me: Identity
  try {
    me = await client.call('session.whoami', {})
  } catch (error) {
    // The client has ended, and with it whom this is about; everything else it has tried again.
    if (client.connection.state === 'ended') return
    throw error
  }
  const session = useSession.getState()
  if (session.state !== 'in' || session.client !== client) return
  useSession.setState({ ...session, me }, true)
  await speakLater(client)
}

/**
 * Speaks the language that the person chose on another device. Where its texts cannot be fetched
 * the old one stays until there is a connection again: nobody here has asked for it.
 */
async function speakLater(client: Client): Promise<void> {
  const session = useSession.getState()
  if (session.state !== 'in' || session.client !== client) return
  const language = preferred([session.me.locale])
  if (language === texts.language) return
  try {
    await speak(language)
  } catch {
    const stop = client.listen(update => {
      if (update.kind !== 'connection' || update.connection.state !== 'online') return
      stop()
      void speakLater(client)
    })
  }
}

/**
 * Ends the session on this device, and forgets what the person wrote and did not send: somebody
 * else may sit here next.
 *
 * @param given the messages in the outbox that the person has given up
 * @returns whether all is forgotten; a message that the person has not seen stays for the next time
 */
export async function signOut(given: readonly Queued[]): Promise<boolean> {
  const session = useSession.getState()
  try {
    await ask('session.logout', {})
  } catch (error) {
    // Ended elsewhere meanwhile: what is on this device is to be forgotten all the same.
    if (!isOut(error)) throw error
  }
  await pushed(({ clearHere }) => clearHere())
  // The server ends the socket too, which may have been faster.
  useSession.setState({ state: 'out' }, true)
  if (session.state !== 'in') return true
  const forgotten = forget(session.client, session.me.user, given)
  // Whoever signs in next only waits for the end of it: that it failed is told by what this returns,
  // and must not keep everybody out until the page is loaded again.
  const settled = () => {}
  forgetting = forgotten.then(settled, settled)
  return forgotten
}

/** Where alerts reach this device while the app is closed: what is done about it there. */
async function pushed(work: (device: typeof import('../push/device.ts')) => Promise<void>) {
  if (ownDevice() === undefined) return
  try {
    await work(await import('../push/device.ts'))
  } catch {
    // The server reaches this device no more once the session is over.
  }
}

/** What was written on this device and is not sent. */
async function forget(client: Client, me: UserId, given: readonly Queued[]): Promise<boolean> {
  await client.close()
  new Drafts(localStorage, me).clear()
  new Answers(localStorage, me).clear()
  localStorage.removeItem(draftName(me))
  const seen = new Set(given.map(({ cid }) => cid))
  if (client.outbox.some(({ cid }) => !seen.has(cid))) return false
  return remove(outboxOf(me))
}

/** Removes a database; windows that have it open close it, because their session is over too. */
function remove(name: string): Promise<boolean> {
  return new Promise(resolve => {
    const removing = indexedDB.deleteDatabase(name)
    removing.onsuccess = () => resolve(true)
    removing.onerror = () => resolve(false)
    removing.onblocked = () => resolve(false)
  })
}

/**
 * The session is over, or is another person's: somebody may have signed in in another window of
 * this browser, which is looked at before anybody is asked to do so here.
 */
async function leave(client: Client, because: CarillonError): Promise<void> {
  const session = useSession.getState()
  if (session.state !== 'in' || session.client !== client) return
  // Of a client that was never let in, another one would fare no better.
  const again = because.retry === 'reauth' && client.welcome !== undefined
  useSession.setState(again ? { state: 'loading' } : { state: 'out', because }, true)
  await pushed(({ hideShown }) => hideShown())
  await client.close()
  if (!again) return
  await begin()
  if (useSession.getState().state === 'out') useSession.setState({ state: 'out', because }, true)
}

/** For a window in which nobody is signed in: by now somebody may be, in another one. */
export async function lookAgain(): Promise<void> {
  try {
    await ask('session.whoami', {})
  } catch {
    // Nobody is, or nobody knows: what the window shows stays.
    return
  }
  await begin()
}
