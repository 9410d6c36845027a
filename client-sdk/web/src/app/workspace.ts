import type { Client } from '@carillon/client'
import { type Identity, useSession } from './session.ts'

/** Who is signed in, for what stands inside the signed-in part of the app. */
export function useMe(): Identity {
  return useSession(session => {
    if (session.state !== 'in') throw new Error('nobody is signed in')
    return session.me
  })
}

/** The connection of whoever is signed in. */
export function useClient(): Client {
  return useSession(session => {
    if (session.state !== 'in') throw new Error('nobody is signed in')
    return session.client
  })
}

/** Whether the person may administer this. */
export function useMay(permission: string): boolean {
  return useMe().permissions.includes(permission)
}
