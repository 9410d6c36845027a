import {
  type Client,
  type DepartmentId,
  LIMITS,
  type OrgMember,
  type RoleId,
} from '@carillon/client'
import { useEffect, useMemo, useRef } from 'react'
import { useStore } from 'zustand'
import { useChanges } from '../app/changes.ts'
import { useClient } from '../app/workspace.ts'
import { type Listed, Pages } from '../model/pages.ts'
import { useByName } from '../texts/language.tsx'

/** So many people are asked for at once. */
const PAGE = LIMITS.PEOPLE_PER_PAGE_MAX

/** Which people. */
export interface Filter {
  query: string
  department?: DepartmentId | undefined
  role?: RoleId | undefined
  left?: boolean
}

/** The people so far. */
export interface Members extends Listed<OrgMember> {
  items: readonly OrgMember[]
}

type Caller = Pick<Client, 'call'>

/** The people of a filter, in the order in which they came to the organisation. */
function membersOf(client: Caller, filter: Filter): Pages<OrgMember> {
  const { query, department, role, left = false } = filter
  const args = {
    left,
    limit: PAGE,
    ...(query.trim() ? { query: query.trim() } : {}),
    ...(department === undefined ? {} : { department }),
    ...(role === undefined ? {} : { role }),
  }
  return new Pages(async after => {
    const page = await client.call('org.member.list', { ...args, after: after?.user })
    return { items: page.members, more: page.more }
  })
}

/** What may change what is shown of a person. */
export const CHANGES_OF_ONE = [
  'org.member_updated',
  'org.member_left',
  'org.member_returned',
  'org.imported',
] as const
const CHANGES = ['org.member_added', ...CHANGES_OF_ONE] as const

const NOBODY: readonly OrgMember[] = []

/**
 * The people of a filter, now and after every change; by name, if they are no more than a page.
 * While another filter's are on their way, the list before stays, and is `stale`.
 */
export function useMembers(filter: Filter): Members & { pages: Pages<OrgMember>; stale: boolean } {
  const client = useClient()
  const byName = useByName()
  const { query, department, role, left = false } = filter
  const pages = useMemo(
    () => membersOf(client, { query, department, role, left }),
    [client, query, department, role, left],
  )
  const now = useStore(pages.list)
  const before = useRef(NOBODY)
  const items = useMemo(() => {
    const all = now.items ?? NOBODY
    // More come by and by, and must not come between those who are on the screen.
    return all.length <= PAGE && !now.more ? [...all].sort(byName) : all
  }, [now.items, now.more, byName])
  useEffect(() => void pages.next(), [pages])
  useEffect(() => {
    if (now.items && !now.loading) before.current = items
  }, [now, items])
  useChanges(CHANGES, () => void pages.again())
  const first = !now.items && now.error === undefined
  return {
    ...now,
    items: first ? before.current : items,
    loading: now.loading || first,
    pages,
    stale: first,
  }
}

/** Those in whom these letters are, as the server finds them: until it has answered. */
export function narrowed(people: readonly OrgMember[], query: string): readonly OrgMember[] {
  const wanted = query.trim().toLowerCase()
  return people.filter(({ name, title = '', login }) =>
    [name, title, login].some(words => words.toLowerCase().includes(wanted)),
  )
}
