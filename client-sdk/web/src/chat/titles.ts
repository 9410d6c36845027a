import type { Conversation } from '../model/conversation.ts'
import { useChats } from '../model/hooks.ts'
import { useText } from '../texts/language.tsx'

/** What a conversation is called; the one with oneself says so. */
export function useTitleOf(conv: Conversation): string {
  const t = useText()
  const { me } = useChats()
  return conv.peer === me ? t('chat.self', { name: conv.title }) : conv.title
}
