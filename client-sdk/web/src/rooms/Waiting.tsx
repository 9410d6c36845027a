import { Hourglass } from 'lucide-react'
import { Page } from '../app/Page.tsx'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Empty } from '../ui/Notice.tsx'
import { useMeeting, useTitleOf, useView } from './hooks.ts'

/** Before the door: somebody inside opens it. */
export function Waiting() {
  const t = useText()
  const meeting = useMeeting()
  const title = useTitleOf(useView(view => view.head))
  return (
    <Page title={title}>
      <div role="status">
        <Empty icon={<Hourglass aria-hidden="true" />} title={t('rooms.waiting')}>
          <p>{t('rooms.waiting.hint')}</p>
          <Button onClick={() => void meeting.leave()}>{t('rooms.waiting.leave')}</Button>
        </Empty>
      </div>
    </Page>
  )
}
