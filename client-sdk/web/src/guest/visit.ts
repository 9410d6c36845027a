/** A guest's session, which is good for one room; kept by the window for when it is loaded again. */

import { Client, type Reply, type UserId } from '@carillon/client'
import { ask } from '../app/session.ts'
import { forgetPlace } from '../rooms/place.ts'

type Grant = Reply<'room.enter'>

/** What the window keeps: the address does not show the link for long. */
interface Kept {
  /** What is in the link. */
  readonly secret: string
  readonly grant?: Grant
}

const KEY = 'carillon-guest'

function kept(): Kept | undefined {
  try {
    const kept: Kept | null = JSON.parse(sessionStorage.getItem(KEY) ?? 'null')
    return kept ?? undefined
  } catch {
    // Storage is closed, or somebody else wrote it: the link is opened again.
    return undefined
  }
}

function keep(next: Kept): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(next))
  } catch {
    // Storage is closed: whoever loads the page again opens the link again.
  }
}

/** The link that this window was opened by; another one begins anew. */
export function secretOf(inAddress: string): string {
  const known = kept()
  if (inAddress === '') return known?.secret ?? ''
  if (known?.secret !== inAddress) keep({ secret: inAddress })
  return inAddress
}

/** The session that this window has by the link, if it still holds. */
export function grantOf(secret: string): Grant | undefined {
  const known = kept()
  const grant = known?.secret === secret ? known.grant : undefined
  return grant && grant.expires_at > Date.now() ? grant : undefined
}

/** The server does not know the session any more: who knocks again gets another one. */
export function forgetGrant(): void {
  const known = kept()
  if (known) keep({ secret: known.secret })
  forgetPlace()
}

/** A guest at the door or behind it. */
export interface Visit {
  readonly client: Client
  readonly grant: Grant
}

/** Begins a session under this name, or goes on with the one that there is. */
export async function begin(secret: string, name: string): Promise<Visit> {
  const known = grantOf(secret)
  const grant = known?.name === name ? known : await ask('room.enter', { secret, name })
  keep({ secret, grant })
  return { client: await open(grant.token, grant.user), grant }
}

function open(token: string, user: UserId): Promise<Client> {
  return Client.open({ url: location.origin, token, user })
}
