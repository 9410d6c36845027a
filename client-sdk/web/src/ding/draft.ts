/**
 * The alert that is being written. It stays when the person goes to another page and comes back,
 * and on this device when the page is loaded again.
 */

import {
  type ConvId,
  type DepartmentId,
  type DingAttachment,
  type DingChannel,
  type DingId,
  type DingMsgRef,
  type DingPolicyId,
  type DingSend,
  newId,
  type RoleId,
  type UserId,
} from '@carillon/client'
import { create } from 'zustand'
import { useSession } from '../app/session.ts'
import { draftName } from './answers.ts'
import { type Repeat, ruleOf } from './repeat.ts'

/** Somebody whom it is for, under the name that the person chose them by. */
export type Target =
  | { kind: 'user'; id: UserId; name: string }
  | { kind: 'role'; id: RoleId; name: string }
  | { kind: 'department'; id: DepartmentId; name: string }
  | { kind: 'conv'; id: ConvId; name: string }
  | { kind: 'unread'; id: string; of: DingMsgRef; name: string }
  | { kind: 'unconfirmed'; id: DingId; name: string }

export interface Draft {
  readonly to: readonly Target[]
  readonly text: string
  /** The message that it is made from, and what it says. */
  readonly about: { readonly of: DingMsgRef; readonly words: string } | undefined
  readonly attachment: DingAttachment | undefined
  readonly policy: DingPolicyId | undefined
  /** When it begins; absent, now. */
  readonly at: number | undefined
  readonly repeat: Repeat
  readonly within: number | undefined
  readonly reply: boolean
  readonly urgent: boolean
}

export const EMPTY: Draft = {
  to: [],
  text: '',
  about: undefined,
  attachment: undefined,
  policy: undefined,
  at: undefined,
  repeat: { every: 'never' },
  within: undefined,
  reply: false,
  urgent: false,
}

export const useDraft = create<Draft>(() => EMPTY)

/** Begins another one; what was written and not sent yet is kept. */
export function begin(to: readonly Target[], about?: Draft['about']): void {
  const { text } = useDraft.getState()
  useDraft.setState({ ...EMPTY, text, to, about }, true)
}

/** With somebody more, each once. */
export function including(to: readonly Target[], target: Target): readonly Target[] {
  return to.some(it => isSame(it, target)) ? to : [...to, target]
}

export function without(to: readonly Target[], target: Target): readonly Target[] {
  return to.filter(it => !isSame(it, target))
}

export function isSame(one: Target, other: Target): boolean {
  return one.kind === other.kind && one.id === other.id
}

/** What the server is asked to send. */
export function sendOf(draft: Draft): DingSend {
  const { to, text, about, attachment, policy, at, repeat, within, reply, urgent } = draft
  const ids = (kind: Target['kind']) => to.filter(it => it.kind === kind).map(({ id }) => id)
  const unread = to.find(it => it.kind === 'unread')
  const unconfirmed = to.find(it => it.kind === 'unconfirmed')
  const rule = ruleOf(repeat)
  return {
    text: text.trim(),
    to: {
      users: ids('user'),
      roles: ids('role'),
      departments: ids('department'),
      convs: ids('conv'),
      ...(unread && { unread_of: unread.of }),
      ...(unconfirmed && { unconfirmed_of: unconfirmed.id }),
    },
    ...(about && { about: about.of }),
    ...(attachment && { attachment: attachment.attachment }),
    ...(policy !== undefined && { policy }),
    ...(at !== undefined && { at }),
    ...(rule !== undefined && { repeat: rule }),
    ...(within !== undefined && { within_ms: within }),
    ...(reply && { reply_required: true }),
    ...(urgent && { urgent: true }),
  }
}

/** Through what the rest is reminded, besides the app. */
export const REMINDED_BY: DingChannel[] = ['push']

/** What a try to send a draft is called, so that however often it is tried, it is sent once. */
const INTENTS = new WeakMap<Draft, string>()

/** The intent to send this; what was changed is another one. */
export function intentOf(draft: Draft): string {
  const cid = INTENTS.get(draft) ?? newId()
  INTENTS.set(draft, cid)
  keep(draft)
  return cid
}

/** It was sent: what was written since is another one. */
export function sent(draft: Draft): void {
  if (useDraft.getState() === draft) useDraft.setState(EMPTY, true)
}

/** Where it is kept on this device, of whoever is signed in. */
function place(): string | undefined {
  const session = useSession.getState()
  return session.state === 'in' ? draftName(session.me.user) : undefined
}

function keep(draft: Draft): void {
  const key = place()
  if (key === undefined) return
  try {
    if (draft === EMPTY) localStorage.removeItem(key)
    else localStorage.setItem(key, JSON.stringify({ draft, cid: INTENTS.get(draft) }))
  } catch {
    // The storage is full, or closed to this page: it is kept as long as the page is open.
  }
}

function open(): void {
  const key = place()
  if (key === undefined) return
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? 'null')
    if (!Array.isArray(kept?.draft?.to) || typeof kept.draft.text !== 'string') return
    const draft: Draft = { ...EMPTY, ...kept.draft }
    if (typeof kept.cid === 'string') INTENTS.set(draft, kept.cid)
    useDraft.setState(draft, true)
  } catch {
    // Not written by this version.
  }
}

open()
useDraft.subscribe(keep)
// What somebody wrote is nobody else's who signs in here.
useSession.subscribe((now, before) => {
  if (now.state !== 'in') useDraft.setState(EMPTY, true)
  else if (before.state !== 'in') open()
})
