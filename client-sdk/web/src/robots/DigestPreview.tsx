import type { BotRobot } from '@carillon/client'
import { Fetched } from '../app/Fetched.tsx'
import { useLoad } from '../app/load.ts'
import { useClient, useMe } from '../app/workspace.ts'
import { Markdown } from '../card/Markdown.tsx'
import '../card/card.css'
import { useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'
import { Button } from '../ui/Button.tsx'
import { Dialog } from '../ui/Dialog.tsx'
import type { Schedule } from './Schedules.tsx'

/** What the robot would post now, as the group would see it; nothing is posted. */
export function DigestPreview(props: {
  robot: BotRobot
  title: string
  says: Schedule['says']
  onClose: () => void
}) {
  const { robot, title, says, onClose } = props
  const t = useText()
  const client = useClient()
  const me = useMe()
  const asked = { robot: robot.robot, title, says }
  const loaded = useLoad(() => client.call('bot.digest.preview', asked), JSON.stringify(asked))
  return (
    <Dialog
      title={t('schedules.preview')}
      onClose={onClose}
      actions={<Button onClick={onClose}>{t('close')}</Button>}
    >
      <p className="soft">{t('schedules.preview.words')}</p>
      <Fetched loaded={loaded}>
        {({ body }) => (
          <article className="schedule-preview">
            <header className="robot">
              <Avatar id={robot.user} name={robot.name} />
              <bdi className="robot-name">{robot.name}</bdi>
            </header>
            {'title' in body && <p className="card-title">{body.title}</p>}
            {'text' in body && <Markdown text={body.text} me={me.user} />}
          </article>
        )}
      </Fetched>
    </Dialog>
  )
}
