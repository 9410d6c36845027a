import type { CarillonError } from '@carillon/client'
import type { MeetingState } from '@carillon/client/rooms'
import { CircleCheck, DoorClosed, Unlink, WifiOff } from 'lucide-react'
import { type ReactNode, useEffect } from 'react'
import { Page } from '../app/Page.tsx'
import { useTitleOf, useView } from '../rooms/hooks.ts'
import { DoorHead } from '../signin/Door.tsx'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Empty } from '../ui/Notice.tsx'
import { forgetGrant } from './visit.ts'

type Left = MeetingState & { state: 'left' }

/** The guest is out of the meeting: why, and what they can do. */
export function Gone({ left, org, again }: { left: Left; org: string; again: () => void }) {
  const title = useTitleOf(useView(view => view.head))
  const { icon, words, hint, returns } = useEnd(left)
  const isFinal = returns === undefined
  useEffect(() => {
    if (isFinal) forgetGrant()
  }, [isFinal])
  return (
    <div className="guest">
      <DoorHead org={org} />
      <main className="guest-waiting">
        <Page title={title} replaces>
          <Empty icon={icon} title={words}>
            <p>{hint}</p>
            {returns && (
              <Button look="primary" onClick={again}>
                {returns}
              </Button>
            )}
          </Empty>
        </Page>
      </main>
    </div>
  )
}

interface End {
  icon: ReactNode
  words: string
  hint: string
  /** What the button says that leads back; absent where nothing does. */
  returns?: string
}

function useEnd({ reason, error }: Left): End {
  const t = useText()
  const done = t('guest.done')
  switch (reason) {
    case 'left':
      return {
        icon: <CircleCheck aria-hidden="true" />,
        words: t('rooms.over.left'),
        hint: done,
        returns: t('rooms.join.again'),
      }
    case 'ended':
      return { icon: <CircleCheck aria-hidden="true" />, words: t('rooms.over.ended'), hint: done }
    case 'kicked':
      return {
        icon: <DoorClosed aria-hidden="true" />,
        words: t('rooms.over.kicked'),
        hint: t('guest.kicked.hint'),
      }
    case 'denied':
      return {
        icon: <DoorClosed aria-hidden="true" />,
        words: t('rooms.over.denied'),
        hint: t('guest.denied.hint'),
        returns: t('guest.knock.again'),
      }
    default:
      if (isWithdrawn(error)) {
        return {
          icon: <Unlink aria-hidden="true" />,
          words: t('guest.withdrawn'),
          hint: t('guest.dead.hint'),
        }
      }
      return {
        icon: <WifiOff aria-hidden="true" />,
        words: reason === 'lost' ? t('rooms.over.lost') : t('rooms.over.refused'),
        hint: t('guest.lost.hint'),
        returns: t('rooms.join.again'),
      }
  }
}

/** The session is over: the link was withdrawn, or its time is up. */
function isWithdrawn(error: CarillonError | undefined): boolean {
  return error?.retry === 'reauth' || error?.code === 'E_NOT_FOUND'
}
