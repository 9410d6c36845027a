import type { ConvId } from '@carillon/client'
import { useLocation } from 'wouter'
import { useChats } from '../model/hooks.ts'
import { useText } from '../texts/language.tsx'
import { begin, type Target } from './draft.ts'

/** Begins an alert from a message of a conversation. */
export function useDingAbout(conv: ConvId): {
  /** To everybody there. */
  about: (seq: number, text: string | undefined) => void
  /** To those who have not read it. */
  unread: (seq: number, text: string | undefined) => void
} {
  const t = useText()
  const chats = useChats()
  const [, navigate] = useLocation()
  const write = (to: Target, seq: number, text: string | undefined) => {
    begin([to], { of: { conv, seq }, words: text ?? '' })
    navigate('/ding/new')
  }
  return {
    about: (seq, text) => {
      const name = chats.state.getState().byId.get(conv)?.title ?? ''
      write({ kind: 'conv', id: conv, name }, seq, text)
    },
    unread: (seq, text) => {
      const of = { conv, seq }
      const name = t('ding.unread.name')
      write({ kind: 'unread', id: `${conv} ${seq}`, of, name }, seq, text)
    },
  }
}
