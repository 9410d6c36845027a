import { BellRing } from 'lucide-react'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Alert } from './Alert.tsx'
import './alert.css'
import { useAlerts, useAlertsState } from './hooks.ts'
import { useRinging } from './useRinging.ts'

/** The alert that comes first, before everything; those that were put aside, in a line. */
export default function Ringing() {
  const calls = useAlertsState(state => state.calls)
  const shown = calls.filter(({ later }) => !later)
  const ringing = useRinging(shown)
  const [first] = shown
  // Each is a dialog of its own: the focus begins anew with it.
  if (first) return <Alert key={first.key} call={first} of={shown.length} ringing={ringing} />
  return <Aside count={calls.length} text={calls[0]?.ding.text ?? ''} />
}

/** What was put aside is not forgotten: it stands on every page until it is answered. */
function Aside({ count, text }: { count: number; text: string }) {
  const t = useText()
  const alerts = useAlerts()
  return (
    <section className="ding-aside" aria-label={t('ding.open', { count })}>
      <BellRing aria-hidden="true" />
      <p>
        <strong>{t('ding.open', { count })}</strong> <bdi>{text}</bdi>
      </p>
      <Button look="primary" onClick={() => alerts.show()}>
        {t('ding.answer')}
      </Button>
    </section>
  )
}
