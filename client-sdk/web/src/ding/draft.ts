/** The alert that is being written. It stays when the person goes to another page and comes back. */

import type {
  ConvId,
  DepartmentId,
  DingAttachment,
  DingChannel,
  DingId,
  DingMsgRef,
  DingPolicyId,
  DingSend,
  RoleId,
  UserId,
} from '@carillon/client'
import { create } from 'zustand'
import { useSession } from '../app/session.ts'
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

// What somebody wrote is nobody else's who signs in here.
useSession.subscribe(({ state }) => {
  if (state === 'out') useDraft.setState(EMPTY, true)
})
