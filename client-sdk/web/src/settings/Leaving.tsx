import { useState } from 'react'
import { Confirm } from '../app/Confirm.tsx'
import { Section } from '../app/Page.tsx'
import { signOut } from '../app/session.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'

/** Signing out on this device. */
export function Leaving() {
  const t = useText()
  const [asking, setAsking] = useState(false)
  return (
    <Section title={t('settings.signOut')}>
      <div className="form-actions">
        <Button look="danger" onClick={() => setAsking(true)}>
          {t('settings.signOut.here')}
        </Button>
      </div>
      {asking && (
        <Confirm
          title={t('settings.signOut')}
          action={t('settings.signOut')}
          onConfirm={signOut}
          onClose={() => setAsking(false)}
        >
          <p>{t('settings.signOut.words')}</p>
        </Confirm>
      )}
    </Section>
  )
}
