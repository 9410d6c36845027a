/**
 * Everything that the person's conversations are, fed by what the client tells. The state is made
 * of the server's facts and nothing is counted here, so every device and window comes to the same,
 * in whatever order it hears of things.
 */

import {
  CarillonError,
  type ConvId,
  type ConvReadDone,
  type ConvSummary,
  type Ephemeral,
  type Event,
  LIMITS,
  type Topic,
  type TopicPage,
  type Update,
  type UserId,
} from '@carillon/client'
import { createStore } from 'zustand/vanilla'
import { type Conversation, heard, paged, readTo, summarised } from './conversation.ts'
import type { Door } from './door.ts'
import { convOf, is, subjectOf } from './event.ts'
import { findMentions } from './mentioned.ts'
import { moved, sorted } from './order.ts'
import { type Pending, Waiting } from './pending.ts'
import { People } from './people.ts'
import { Presence } from './presence.ts'
import { Reading } from './reading.ts'
import { isUntold } from './rewritten.ts'
import { Soon, spread } from './soon.ts'
import { Talk } from './talk.ts'

/** Messages of so many conversations are held; of the others they are read again. */
const TALKS_MAX = 12
/** So many conversations that the person is no longer in are remembered, to say so. */
const LEFT_MAX = 20
/** More than anybody has; bounds what a broken answer can do. */
const CONVERSATIONS_MAX = 20_000

/** So much is kept of what is heard of a conversation before it is known; it is asked for again. */
const EARLY_MAX = 100

/** A conversation that the person was in a moment ago. */
export interface Left {
  readonly title: string
  /** Who took the person out; absent if that is not known. */
  readonly by: UserId | undefined
}

export interface ChatsState {
  readonly state: 'loading' | 'there' | 'failed'
  readonly error: unknown
  readonly byId: ReadonlyMap<ConvId, Conversation>
  /** The one in which something was said last is the first. */
  readonly order: readonly ConvId[]
  readonly left: ReadonlyMap<ConvId, Left>
  /** Refused messages to conversations that the person is not in: nowhere else to be seen. */
  readonly stranded: readonly Pending[]
}

export class Chats {
  readonly state = createStore<ChatsState>(() => ({
    state: 'loading',
    error: undefined,
    byId: new Map(),
    order: [],
    left: new Map(),
    stranded: [],
  }))
  readonly people: People
  readonly presence: Presence
  readonly me: UserId
  readonly #door: Door
  /** The one that was used last is the last. */
  readonly #talks = new Map<ConvId, Talk>()
  readonly #waiting = new Waiting()
  readonly #asked = new Set<ConvId>()
  /** What is heard of a conversation before it is known waits until it is. */
  readonly #early = new Map<ConvId, Update[]>()
  #loading: Promise<void> | undefined
  readonly #renewal = new Soon(() => this.#renew())

  constructor(door: Door, me: UserId) {
    this.me = me
    this.#door = door
    this.people = new People(door)
    this.presence = new Presence(door)
    door.listen(update => {
      this.presence.hear(update)
      this.#hear(update)
    })
    this.#waiting.outbox(door.outbox)
    void this.load()
  }

  /** The messages of a conversation. */
  talk(id: ConvId): Talk {
    const known = this.#talks.get(id)
    this.#talks.delete(id)
    const talk = known ?? this.#newTalk(id)
    this.#talks.set(id, talk)
    const [oldest] = this.#talks.keys()
    if (this.#talks.size > TALKS_MAX && oldest !== undefined) this.#talks.delete(oldest)
    return talk
  }

  /** Fetches the list of conversations, also again when there is doubt. */
  load(): Promise<void> {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined
      const { byId } = this.state.getState()
      for (const id of this.#early.keys()) byId.has(id) ? this.#catchUp(id) : this.#meet(id)
    })
    return this.#loading
  }

  /** Fetches one conversation that is not in the list yet, as one that was opened just now. */
  async fetch(id: ConvId): Promise<void> {
    this.#put(id, known => known, await this.#door.call('conv.get', { conv: id }))
  }

  /** The person has seen that a conversation is gone. */
  dismiss(id: ConvId): void {
    const left = new Map(this.state.getState().left)
    if (left.delete(id)) this.state.setState({ left })
  }

  #newTalk(id: ConvId): Talk {
    const done = (done: ConvReadDone) => this.#put(id, conv => conv && readTo(conv, done))
    return new Talk(this.#door, id, this.me, new Reading(this.#door, id, done))
  }

  #hear(update: Update): void {
    const id = subjectOf(update)
    if (id !== undefined && !this.state.getState().byId.has(id)) this.#keep(id, update)
    else if (update.kind === 'event') this.#event(update.event)
    else if (update.kind === 'ephemeral') this.#ephemeral(update.ephemeral)
    else if (update.kind === 'topic') this.#page(update.page)
    else if (update.kind === 'outbox') this.#outbox()
    else if (update.kind === 'reset') this.#reset(update.topic)
    else if (update.kind === 'gone') this.#gone(update.topic)
    else if (update.kind === 'repaired') this.#repaired(update.topic)
    else if (update.kind === 'synced') this.#synced()
  }

  #event(event: Event): void {
    const id = convOf(event.topic)
    if (id === undefined) this.#directory(event)
    else if (this.#takesOut(event)) this.#leave(id, event.by)
    else this.#said(id, event)
  }

  #takesOut(event: Event): boolean {
    return is(event, 'conv.members_changed') && !!event.data.removed?.includes(this.me)
  }

  #said(id: ConvId, event: Event): void {
    if (event.by === this.me && event.cid !== undefined) this.#waiting.landed(event.cid)
    const before = this.state.getState().byId.get(id)
    this.#put(id, conv => conv && heard(conv, event, this.me))
    if (before) this.#talks.get(id)?.heard(event, before)
    // What holds is what the group and its organisation allow together.
    if (is(event, 'conv.rules_changed')) this.#meet(id)
    if (isUntold(event) && before?.last?.seq === event.data.of) this.#meet(id)
  }

  /** Somebody's name may be the title of a conversation, and who left is in it all the same. */
  #directory(event: Event): void {
    this.people.heard(event)
    if (is(event, 'org.member_updated')) {
      const { user, name } = event.data
      for (const conv of this.state.getState().byId.values()) {
        if (conv.peer === user) this.#put(conv.id, known => known && { ...known, title: name })
      }
    } else if (is(event, 'org.member_left') || is(event, 'org.member_returned')) {
      for (const talk of this.#talks.values()) talk.movedOn(event.data.user)
    } else if (is(event, 'org.imported') || is(event, 'conv.limits_changed'))
      this.#renewal.in(spread(event, this.me))
  }

  /** Anybody may have another name, and be in other conversations. */
  #renew(): void {
    this.people.againAll()
    void this.load()
  }

  #ephemeral(ephemeral: Ephemeral): void {
    const id = ephemeral.topic && convOf(ephemeral.topic)
    if (!id) return
    if (ephemeral.k === 'receipts') this.#talks.get(id)?.receipts.heard(ephemeral)
    else if (ephemeral.k === 'read') {
      const read = ephemeral.data as ConvReadDone & { user: UserId }
      if (read.user === this.me) this.#put(id, conv => conv && readTo(conv, read))
    }
  }

  #page(page: TopicPage): void {
    const id = convOf(page.topic)
    if (id === undefined) return
    this.#put(id, conv => conv && paged(conv, page))
    this.#talks.get(id)?.reaches(page.head)
  }

  #outbox(): void {
    this.#waiting.outbox(this.#door.outbox)
    this.#showPending()
  }

  /** A backup was restored: what is known of the conversation may never have been. */
  #reset(topic: Topic): void {
    const id = convOf(topic)
    if (id === undefined) return
    this.#drop(id)
    this.#early.set(id, [])
    this.#meet(id)
  }

  #gone(topic: Topic): void {
    const id = convOf(topic)
    if (id !== undefined && this.state.getState().byId.has(id)) this.#leave(id, undefined)
  }

  /** The connection was too slow for everything: what matters only at its moment was left out. */
  #repaired(topic: Topic): void {
    const id = convOf(topic)
    if (id === undefined) return
    this.#talks.get(id)?.receipts.refresh()
    this.#meet(id)
  }

  #synced(): void {
    this.#waiting.allLanded()
    this.#showPending()
    for (const talk of this.#talks.values()) talk.receipts.renew()
    const { state, byId } = this.state.getState()
    if (state === 'failed') void this.load()
    // A page said more than the list, and its events are older than this window.
    for (const { id, told, head } of byId.values()) if (told < head) this.#meet(id, told)
  }

  async #load(): Promise<void> {
    const before = new Set(this.state.getState().byId.keys())
    if (this.state.getState().state === 'failed') {
      this.state.setState({ state: 'loading', error: undefined })
    }
    try {
      const listed = await this.#list()
      for (const id of before) if (!listed.has(id)) this.#drop(id)
      this.state.setState({ state: 'there', error: undefined })
      this.#showStranded()
    } catch (error) {
      if (this.state.getState().state !== 'there') this.state.setState({ state: 'failed', error })
      return
    }
    await findMentions(this.#door, this.me, [...this.state.getState().byId.values()], (id, seq) =>
      this.#put(id, conv => conv && { ...conv, mention: Math.max(conv.mention, seq) }),
    )
  }

  async #list(): Promise<Set<ConvId>> {
    const listed = new Set<ConvId>()
    let after: ConvId | undefined
    do {
      const page = await this.#door.call('conv.list', { after, limit: LIMITS.CONVS_PER_PAGE_MAX })
      this.#putAll(page.convs)
      for (const { conv } of page.convs) listed.add(conv)
      after = page.more ? page.convs.at(-1)?.conv : undefined
    } while (after !== undefined && listed.size < CONVERSATIONS_MAX)
    return listed
  }

  #keep(id: ConvId, update: Update): void {
    const early = this.#early.get(id) ?? []
    if (early.length < EARLY_MAX) early.push(update)
    this.#early.set(id, early)
    this.#meet(id)
  }

  /**
   * Fetches a conversation that is not known, or no longer known well: `since` is how far it was
   * told when it was fetched last.
   */
  #meet(id: ConvId, since = -1): void {
    if (this.#loading || this.#asked.has(id)) return
    this.#asked.add(id)
    const met = this.fetch(id).catch(error => {
      // Not this person's any more, or a list that is not up to date: the list says what there is.
      if (!(error instanceof CarillonError)) throw error
      if (error.code !== 'E_NOT_MEMBER' && error.code !== 'E_NOT_FOUND') void this.load()
    })
    void met.finally(() => {
      this.#asked.delete(id)
      const early = this.#early.get(id)
      if (this.state.getState().byId.has(id)) this.#catchUp(id, since)
      else if (early) this.#early.delete(id)
    })
  }

  /** What waited for a conversation is heard now that there is one. */
  #catchUp(id: ConvId, since = -1): void {
    const early = this.#early.get(id) ?? []
    this.#early.delete(id)
    for (const update of early) this.#hear(update)
    const conv = this.state.getState().byId.get(id)
    // More was said than anybody told: asked again, as long as that brings something.
    if (conv && conv.told < conv.head && conv.told > since) this.#meet(id, conv.told)
  }

  #leave(id: ConvId, by: UserId | undefined): void {
    const conv = this.state.getState().byId.get(id)
    this.#drop(id)
    if (!conv) return
    const left = new Map(this.state.getState().left).set(id, { title: conv.title, by })
    const [oldest] = left.keys()
    if (left.size > LEFT_MAX && oldest !== undefined) left.delete(oldest)
    this.state.setState({ left })
  }

  #drop(id: ConvId): void {
    const byId = new Map(this.state.getState().byId)
    if (!byId.delete(id)) return
    this.#talks.delete(id)
    this.#show(byId, [id])
    this.#showStranded()
  }

  #put(
    id: ConvId,
    change: (conv: Conversation | undefined) => Conversation | undefined,
    summary?: ConvSummary,
  ): void {
    const { byId, left } = this.state.getState()
    const known = byId.get(id)
    const base = summary ? this.#summarised(summary, known) : known
    const next = change(base)
    if (!next || next === known) return
    this.#show(new Map(byId).set(id, next), [id])
    if (summary && left.has(id)) this.dismiss(id)
    if (summary) this.#showStranded()
    if (summary) this.#talks.get(id)?.reaches(next.head)
  }

  #putAll(summaries: readonly ConvSummary[]): void {
    const byId = new Map(this.state.getState().byId)
    for (const summary of summaries) {
      byId.set(summary.conv, this.#summarised(summary, byId.get(summary.conv)))
    }
    this.state.setState({ byId, order: sorted(byId) })
    for (const { conv, head } of summaries) this.#talks.get(conv)?.reaches(head)
  }

  #summarised(summary: ConvSummary, known: Conversation | undefined): Conversation {
    const conv = summarised(summary, known)
    return known ? conv : { ...conv, pending: this.#pendingBy().get(conv.id) ?? [] }
  }

  #pendingBy(): Map<ConvId, Pending[]> {
    const by = new Map<ConvId, Pending[]>()
    for (const pending of this.#waiting.all) {
      by.set(pending.conv, [...(by.get(pending.conv) ?? []), pending])
    }
    return by
  }

  /** Puts what waits into its conversations; those that are the same stay. */
  #showPending(): void {
    const pending = this.#pendingBy()
    const byId = new Map(this.state.getState().byId)
    const changed: ConvId[] = []
    for (const conv of byId.values()) {
      const own = pending.get(conv.id) ?? []
      const same = own.length === conv.pending.length
      if (same && own.every((one, index) => one === conv.pending[index])) continue
      byId.set(conv.id, { ...conv, pending: own })
      changed.push(conv.id)
    }
    if (changed.length > 0) this.#show(byId, changed)
    this.#showStranded()
  }

  #showStranded(): void {
    const { state, byId } = this.state.getState()
    if (state !== 'there') return
    const stranded = this.#waiting.all.filter(({ conv, refused }) => refused && !byId.has(conv))
    if (stranded.length + this.state.getState().stranded.length > 0) {
      this.state.setState({ stranded })
    }
  }

  #show(byId: ReadonlyMap<ConvId, Conversation>, changed: readonly ConvId[]): void {
    const { order } = this.state.getState()
    const [id, ...more] = changed
    const isOne = id !== undefined && more.length === 0
    this.state.setState({ byId, order: isOne ? moved(order, byId, id) : sorted(byId) })
  }
}
