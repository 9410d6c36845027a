import { useRef } from 'react'
import type { Language } from '../../texts/plugin.ts'
import { useTask } from '../app/form.tsx'
import { speak } from '../app/language.ts'
import { Section } from '../app/Page.tsx'
import { refreshMe } from '../app/session.ts'
import { TimeZones } from '../app/TimeZones.tsx'
import { useClient, useMe } from '../app/workspace.ts'
import { failure } from '../texts/failure.ts'
import { NAMES, useLanguage, useText } from '../texts/language.tsx'
import { Choice } from '../ui/Choice.tsx'
import { Banner } from '../ui/Notice.tsx'

const LANGUAGES = Object.entries(NAMES).map(([tag, label]) => ({
  value: tag as Language,
  label,
  lang: tag,
}))

/** Language and time zone; both go with the person to their other devices. */
export function Region() {
  const t = useText()
  const language = useLanguage()
  const { tz } = useMe()
  const client = useClient()
  const [speaking, moving] = [useTask(), useTask()]
  const wanted = useRef<Language>(undefined)
  const choose = (chosen: Language) => {
    wanted.current = chosen
    return speaking.run(async () => {
      // Whoever chooses again while this is saved means the last one.
      for (let next = wanted.current; next; next = wanted.current) {
        wanted.current = undefined
        await speak(next)
        await client.call('org.member.update', { locale: next })
      }
    })
  }
  const move = (chosen: string) =>
    moving.run(async () => {
      await client.call('org.member.update', { tz: chosen })
      await refreshMe(client)
    })
  const wrong = speaking.error ?? moving.error
  return (
    <Section title={t('settings.region')}>
      {wrong !== undefined && <Banner tone="danger">{failure(t, wrong)}</Banner>}
      <Choice label={t('language')} value={language} options={LANGUAGES} onChange={choose} />
      <TimeZones
        label={t('settings.tz')}
        hint={t('settings.tz.hint')}
        value={tz}
        onChange={chosen => void move(chosen)}
      />
    </Section>
  )
}
