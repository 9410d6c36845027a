import { type BotRobot, CarillonError } from '@carillon/client'
import { useDebounced } from '../app/debounced.ts'
import { Failed } from '../app/Fetched.tsx'
import { useLoad } from '../app/load.ts'
import { useClient, useMe } from '../app/workspace.ts'
import { Markdown } from '../card/Markdown.tsx'
import '../card/card.css'
import { NAMES, useLanguage, useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'
import { Button } from '../ui/Button.tsx'
import { Dialog } from '../ui/Dialog.tsx'
import { Banner } from '../ui/Notice.tsx'
import { Skeleton } from '../ui/Spinner.tsx'
import { placeOf } from './facts.ts'
import type { Schedule } from './Schedules.tsx'
import { faultOf } from './says.ts'

interface Previewed {
  robot: BotRobot
  title: string
  says: Schedule['says']
}

/** What the robot would post now, in a dialog of its own. */
export function DigestPreview({ onClose, ...of }: Previewed & { onClose: () => void }) {
  const t = useText()
  return (
    <Dialog
      title={t('schedules.preview')}
      onClose={onClose}
      actions={<Button onClick={onClose}>{t('close')}</Button>}
    >
      <p className="soft">{t('schedules.preview.words')}</p>
      <PreviewOf {...of} />
    </Dialog>
  )
}

/** What the robot would post now, as the group would see it; nothing is posted. */
export function PreviewOf(of: Previewed) {
  const t = useText()
  const fault = faultOf(of.says)
  return fault ? <Banner tone="danger">{t(fault.key)}</Banner> : <Composed {...of} />
}

function Composed({ robot, title, says }: Previewed) {
  const t = useText()
  const language = useLanguage()
  const client = useClient()
  const me = useMe()
  const asked = { robot: robot.robot, title, says }
  const key = useDebounced(JSON.stringify(asked))
  const loaded = useLoad(
    () => client.call('bot.digest.preview', JSON.parse(key) as typeof asked),
    key,
  )
  if (loaded.state === 'loading') return <Skeleton />
  if (loaded.state === 'failed') {
    const { error, again } = loaded
    const place = error instanceof CarillonError ? placeOf(error.field) : undefined
    if (place === undefined) return <Failed error={error} again={again} />
    return <Banner tone="danger">{t('digest.part.wrong', { number: place + 1 })}</Banner>
  }
  const { body, locale } = loaded.value
  const spoken = Object.entries(NAMES).find(([code]) => code === locale)?.[1] ?? NAMES.en
  return (
    <>
      {spoken !== NAMES[language] && (
        <p className="soft">{t('schedules.preview.language', { language: spoken })}</p>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: who has no mouse scrolls it by the keyboard */}
      <article className="schedule-preview" lang={locale} tabIndex={0}>
        <header className="robot">
          <Avatar id={robot.user} name={robot.name} />
          <bdi className="robot-name">{robot.name}</bdi>
        </header>
        {'title' in body && <p className="card-title">{body.title}</p>}
        {'text' in body && <Markdown text={body.text} me={me.user} />}
      </article>
    </>
  )
}
