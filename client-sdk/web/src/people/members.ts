import {
  type Client,
  type DepartmentId,
  LIMITS,
  type OrgMember,
  type RoleId,
} from '@carillon/client'
import { useEffect, useMemo, useRef } from 'react'
import { createStore, useStore } from 'zustand'
import { useChanges } from '../app/changes.ts'
import { useClient } from '../app/workspace.ts'

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
export interface Members {
  members: readonly OrgMember[]
  /** Whether there are more. */
  more: boolean
  /** Whether an answer is on its way. */
  loading: boolean
  /** Why the last answer did not come. */
  error: unknown
}

const NOBODY: Members = { members: [], more: true, loading: false, error: undefined }

/** The people of a filter, page by page. */
export class MemberList {
  readonly state = createStore<Members>(() => NOBODY)
  readonly #client: Pick<Client, 'call'>
  readonly #filter: Filter
  /** Something changed while an answer was on its way. */
  #stale = false

  constructor(client: Pick<Client, 'call'>, filter: Filter) {
    this.#client = client
    this.#filter = filter
  }

  /** Fetches the next page, unless one is on its way. */
  async next(): Promise<void> {
    const { members, more, loading } = this.state.getState()
    if (loading || !more) return
    await this.#fetch(async () => {
      const page = await this.#page(members)
      return { members: [...members, ...page.members], more: page.more }
    })
  }

  /** Fetches again what is there, because something has changed. */
  async again(): Promise<void> {
    const { members, loading } = this.state.getState()
    this.#stale = loading
    if (loading) return
    await this.#fetch(async () => {
      const fresh: OrgMember[] = []
      let more = true
      while (more && fresh.length < Math.max(members.length, PAGE)) {
        const page = await this.#page(fresh)
        fresh.push(...page.members)
        more = page.more
      }
      return { members: fresh, more }
    })
  }

  async #fetch(work: () => Promise<Pick<Members, 'members' | 'more'>>): Promise<void> {
    this.state.setState({ loading: true, error: undefined })
    try {
      this.state.setState({ ...(await work()), loading: false })
    } catch (error) {
      this.state.setState({ loading: false, error })
    }
    if (this.#stale) await this.again()
  }

  #page(before: readonly OrgMember[]) {
    const { query, department, role, left = false } = this.#filter
    return this.#client.call('org.member.list', {
      left,
      limit: PAGE,
      ...(query.trim() ? { query: query.trim() } : {}),
      ...(department === undefined ? {} : { department }),
      ...(role === undefined ? {} : { role }),
      ...(before.length ? { after: before.at(-1)?.user } : {}),
    })
  }
}

const CHANGES = [
  'org.imported',
  'org.member_added',
  'org.member_updated',
  'org.member_left',
  'org.member_returned',
] as const

/**
 * The people of a filter, now and after every change. While another filter's are on their way,
 * the list before stays, and is `stale`.
 */
export function useMembers(filter: Filter): Members & { list: MemberList; stale: boolean } {
  const client = useClient()
  const { query, department, role, left = false } = filter
  const list = useMemo(
    () => new MemberList(client, { query, department, role, left }),
    [client, query, department, role, left],
  )
  const now = useStore(list.state)
  const before = useRef<readonly OrgMember[]>([])
  useEffect(() => void list.next(), [list])
  useEffect(() => {
    if (now !== NOBODY && !now.loading) before.current = now.members
  }, [now])
  useChanges(CHANGES, () => void list.again())
  const first = now.members.length === 0 && now.more && now.error === undefined
  return {
    ...now,
    members: first ? before.current : now.members,
    loading: now.loading || first,
    list,
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
