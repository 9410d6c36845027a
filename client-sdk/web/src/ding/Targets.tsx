import type { ConvId, OrgMember } from '@carillon/client'
import { Building2, MessagesSquare, ShieldCheck, UserRound, X } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { useDebounced } from '../app/debounced.ts'
import { useLoad } from '../app/load.ts'
import { useClient, useMe } from '../app/workspace.ts'
import type { Chats } from '../model/chats.ts'
import { useChats, useChatsState } from '../model/hooks.ts'
import { useMembers } from '../people/members.ts'
import { useDepartments } from '../people/useDepartments.ts'
import { useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'
import { Button, IconButton } from '../ui/Button.tsx'
import { Search } from '../ui/Search.tsx'
import { type Draft, including, isSame, type Target, useDraft, without } from './draft.ts'
import './targets.css'

/** So many of each kind are offered; more letters make it fewer. */
const OFFERED_MAX = 6

const ICONS: Record<Target['kind'], ReactNode> = {
  user: <UserRound aria-hidden="true" />,
  role: <ShieldCheck aria-hidden="true" />,
  department: <Building2 aria-hidden="true" />,
  conv: <MessagesSquare aria-hidden="true" />,
  unread: <MessagesSquare aria-hidden="true" />,
  unconfirmed: <UserRound aria-hidden="true" />,
}

/** Whom an alert is for: those who are chosen, and a way to choose more. */
export function Targets({ error }: { error: string | undefined }) {
  const t = useText()
  const to = useDraft(draft => draft.to)
  // Whoever comes from a group or a message has chosen already.
  const [choosing, setChoosing] = useState(to.length === 0)
  const change = (to: Draft['to']) => useDraft.setState({ to })
  return (
    <section className="ding-targets" aria-label={t('ding.to')}>
      <h2>{t('ding.to')}</h2>
      {to.length > 0 && (
        <ul className="ding-chips">
          {to.map(target => (
            <li key={`${target.kind} ${target.id}`} className="ding-chip">
              {ICONS[target.kind]}
              <bdi>{target.name}</bdi>
              <IconButton
                label={t('chat.people.drop', { name: target.name })}
                icon={<X />}
                onClick={() => change(without(to, target))}
              />
            </li>
          ))}
        </ul>
      )}
      {error && (
        <p className="field-error" role="alert">
          {error}
        </p>
      )}
      {choosing ? (
        <Offers to={to} onToggle={target => change(toggled(to, target))} />
      ) : (
        <Button look="quiet" onClick={() => setChoosing(true)}>
          {t('ding.to.more')}
        </Button>
      )}
    </section>
  )
}

function toggled(to: Draft['to'], target: Target): Draft['to'] {
  return to.some(it => isSame(it, target)) ? without(to, target) : including(to, target)
}

/** Groups, departments, roles and people, those first whom the person is with. */
function Offers({ to, onToggle }: { to: Draft['to']; onToggle: (target: Target) => void }) {
  const t = useText()
  const [query, setQuery] = useState('')
  const offers = useOffers(useDebounced(query).trim())
  const kept = useKept(offers)
  return (
    <div className="ding-offers">
      <Search label={t('ding.to.search')} value={query} onChange={setQuery} />
      <ul
        aria-label={t('ding.to.offers')}
        className={query.trim() ? 'ding-found' : 'ding-suggested'}
      >
        {offers.map(target => {
          const isChosen = to.some(it => isSame(it, target))
          const isKept = kept.has(target.id)
          return (
            <li key={`${target.kind} ${target.id}`}>
              <button
                type="button"
                className="ding-offer"
                aria-pressed={isChosen}
                disabled={isKept && !isChosen}
                onClick={() => onToggle(target)}
              >
                {target.kind === 'user' ? (
                  <Avatar id={target.id} name={target.name} size="s" />
                ) : (
                  ICONS[target.kind]
                )}
                <span className="ding-offer-words">
                  <bdi>{target.name}</bdi>
                  <span className="soft">{t(isKept ? 'ding.to.owner' : KINDS[target.kind])}</span>
                </span>
              </button>
            </li>
          )
        })}
      </ul>
      <p role="status" className="soft">
        {offers.length > 0
          ? ''
          : query.trim()
            ? t('ding.to.none', { query: query.trim() })
            : t('ding.to.hint')}
      </p>
    </div>
  )
}

const KINDS = {
  user: 'ding.kind.user',
  role: 'ding.kind.role',
  department: 'ding.kind.department',
  conv: 'ding.kind.conv',
  unread: 'ding.kind.conv',
  unconfirmed: 'ding.kind.user',
} as const

function useOffers(query: string): Target[] {
  const groups = useGroups(query)
  const departments = useDepartmentsFound(query)
  const roles = useRoles(query)
  const people = usePeopleFound(query)
  return [...groups, ...departments, ...roles, ...people]
}

function matching(targets: Target[], query: string, max = OFFERED_MAX): Target[] {
  const wanted = query.toLowerCase()
  return targets.filter(({ name }) => name.toLowerCase().includes(wanted)).slice(0, max)
}

/** The groups that the person is in, the one in which something was said last first. */
function useGroups(query: string): Target[] {
  const { byId, order } = useChatsState(({ byId, order }) => ({ byId, order }))
  const groups = order.flatMap((id): Target[] => {
    const conv = byId.get(id)
    return conv?.kind === 'group' && conv.title ? [{ kind: 'conv', id, name: conv.title }] : []
  })
  return matching(groups, query, query ? OFFERED_MAX : 3)
}

/** Those of the groups that only their owners alert, and not this person. */
function useKept(offers: readonly Target[]): ReadonlySet<string> {
  const chats = useChats()
  const { byId } = useChatsState(({ byId }) => ({ byId }))
  const limited = offers.flatMap(({ kind, id }) =>
    kind === 'conv' && byId.get(id)?.rules?.ding_all === 'owners' ? [id] : [],
  )
  const key = limited.join(' ')
  const owned = useLoad(async () => {
    const groups = key === '' ? [] : key.split(' ')
    const owns = await Promise.all(groups.map(id => isOwner(chats, id)))
    return groups.filter((_, index) => owns[index])
  }, key)
  const own = owned.state === 'there' ? owned.value : []
  return new Set(limited.filter(id => !own.includes(id)))
}

async function isOwner(chats: Chats, id: ConvId): Promise<boolean> {
  const { members } = chats.talk(id)
  await members.load()
  const me = members.list.getState().members.find(({ user }) => user === chats.me)
  return me?.role === 'owner'
}

/** Departments, one's own first. */
function useDepartmentsFound(query: string): Target[] {
  const client = useClient()
  const me = useMe().user
  const loaded = useDepartments()
  const own = useLoad(
    async () => (await client.call('org.member.get', { users: [me] })).members[0],
    me,
  )
  const mine: readonly string[] = own.state === 'there' ? (own.value?.departments ?? []) : []
  if (loaded.state !== 'there') return []
  const all = loaded.value.flat().map(({ department }) => department)
  const targets = all
    .filter(({ department, head }) => query || mine.includes(department) || head === me)
    .map(({ department, name }): Target => ({ kind: 'department', id: department, name }))
  return matching(targets, query)
}

/** Roles are few, and rarely meant: only for who searches them. */
function useRoles(query: string): Target[] {
  const t = useText()
  const client = useClient()
  const loaded = useLoad(() => client.call('org.role.list', {}), 'roles')
  if (!query || loaded.state !== 'there') return []
  const targets = loaded.value.roles.map(({ role, name, administrator }): Target => {
    return { kind: 'role', id: role, name: administrator ? t('role.administrator') : name }
  })
  return matching(targets, query)
}

function usePeopleFound(query: string): Target[] {
  const me = useMe().user
  const found = useMembers({ query })
  // Of all colleagues nobody is nearer than another.
  if (!query) return []
  return found.items
    .filter(({ user, app, active }: OrgMember) => user !== me && !app && active)
    .slice(0, OFFERED_MAX)
    .map(({ user, name }): Target => ({ kind: 'user', id: user, name }))
}
