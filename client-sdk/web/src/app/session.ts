import {
  type Args,
  CarillonError,
  Client,
  indexedDb,
  newId,
  type Op,
  type Reply,
  rpc,
} from '@carillon/client'
import { create } from 'zustand'

export type Identity = Reply<'session.whoami'>

/** Who is signed in on this device. */
export type Session =
  | { state: 'loading' }
  | { state: 'unreachable' }
  | { state: 'out' }
  | { state: 'in'; me: Identity; client: Client }

export const useSession = create<Session>(() => ({ state: 'loading' }))

/** Over HTTP with the cookie: for those who are not signed in, and for what is not in a socket. */
export function ask<O extends Op>(op: O, args: Args<O>): Promise<Reply<O>> {
  return rpc(location.origin, op, args)
}

/** Tells several windows of one browser apart. */
const TAB = newId()

/** Looks who is signed in and connects. */
export async function begin(): Promise<void> {
  try {
    const me = await ask('session.whoami', {})
    const client = await Client.open({
      url: location.origin,
      token: async () => (await ask('session.token', {})).token,
      state: indexedDb(`carillon-${me.user}`),
      tab: TAB,
    })
    client.listen(update => {
      if (update.kind !== 'connection') return
      if (update.connection.state === 'ended') leave(client)
    })
    const again = () => client.reconnect()
    addEventListener('online', again)
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') again()
    })
    useSession.setState({ state: 'in', me, client }, true)
  } catch (error) {
    const out = error instanceof CarillonError && error.retry === 'reauth'
    useSession.setState({ state: out ? 'out' : 'unreachable' }, true)
  }
}

/** Looks again who the person is: the name or what they may administer has changed. */
export async function refreshMe(): Promise<void> {
  const session = useSession.getState()
  if (session.state !== 'in') return
  useSession.setState({ ...session, me: await ask('session.whoami', {}) }, true)
}

/** Ends the session on this device; what waits in the outbox stays for the next sign-in. */
export async function signOut(): Promise<void> {
  const session = useSession.getState()
  await ask('session.logout', {})
  if (session.state === 'in') leave(session.client)
}

function leave(client: Client): void {
  useSession.setState({ state: 'out' }, true)
  void client.close()
}

/** What to call this device in the list of devices. */
export function deviceLabel(agent = navigator.userAgent): string {
  const browser = /Edg\//.test(agent)
    ? 'Edge'
    : (/(Firefox|Chrome|Safari)\//.exec(agent)?.[1] ?? 'Browser')
  const system = /(iPhone|iPad|Android|Windows|Mac OS|Linux)/.exec(agent)?.[1] ?? ''
  return [browser, system].filter(Boolean).join(' · ')
}
