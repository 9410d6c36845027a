import { lazy, Suspense, useEffect } from 'react'
import { useAlertsInTitle } from '../app/title.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Banner } from '../ui/Notice.tsx'
import { readyAtFirstTouch } from './bell.ts'
import { useAlertsState } from './hooks.ts'

/** An alert must not stay unseen because the server has a newer version of the app. */
const Ringing = lazy(() => import('./Ringing.tsx').catch(() => ({ default: Plain })))

/** The alerts that wait for the person, over whatever is open. Loaded with the app, so it is small. */
export function Calls() {
  const open = useAlertsState(({ calls }) => calls.length)
  useAlertsInTitle(open)
  useEffect(readyAtFirstTouch, [])
  return <Suspense fallback={null}>{open > 0 && <Ringing />}</Suspense>
}

function Plain() {
  const t = useText()
  const words = useAlertsState(({ calls }) => calls.map(({ ding }) => ding.text))
  return (
    <Banner
      tone="danger"
      action={<Button onClick={() => location.reload()}>{t('page.reload')}</Button>}
    >
      {words.join(' · ')}
    </Banner>
  )
}
