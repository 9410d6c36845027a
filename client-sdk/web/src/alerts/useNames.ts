import type { Reply, UserId } from '@carillon/client'
import { useEffect, useMemo } from 'react'
import { useStore } from 'zustand'
import { useLoad } from '../app/load.ts'
import { useClient } from '../app/workspace.ts'
import type { Speech } from '../ding/sentences.ts'
import { useChats } from '../model/hooks.ts'
import { useLanguage, useText } from '../texts/language.tsx'

export type Duty = Reply<'ding.duty.list'>['duties'][number]

/** The rotas; none until they are there. */
export function useDuties(): readonly Duty[] {
  const client = useClient()
  const loaded = useLoad(() => client.call('ding.duty.list', {}), 'duties')
  return loaded.state === 'there' ? loaded.value.duties : NONE
}

const NONE: readonly Duty[] = []

/** People's names by their ids, fetched when they are needed. */
export function useNames(users: readonly UserId[]): (user: UserId) => string | undefined {
  const { people } = useChats()
  const known = useStore(people.known)
  const wanted = users.join()
  useEffect(() => people.need(wanted ? wanted.split(',') : []), [people, wanted])
  return user => known.get(user)?.name
}

/** What policies that name these people and rotas are told with. */
export function useSpeechOf(users: readonly UserId[], duties: readonly Duty[]): Speech {
  const t = useText()
  const language = useLanguage()
  const nameOf = useNames(users)
  return useMemo(
    () => ({
      t,
      language,
      name: id => duties.find(({ duty }) => duty === id)?.rota.name ?? nameOf(id),
    }),
    [t, language, duties, nameOf],
  )
}
