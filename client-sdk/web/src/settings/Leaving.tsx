import { type ReactNode, useState, useSyncExternalStore } from 'react'
import { Confirm } from '../app/Confirm.tsx'
import { Section } from '../app/Page.tsx'
import { signOut } from '../app/session.ts'
import { useClient } from '../app/workspace.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Banner } from '../ui/Notice.tsx'
import { toast } from '../ui/Toast.tsx'

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
      {asking && <Question onClose={() => setAsking(false)} />}
    </Section>
  )
}

/** What is lost by it. Messages may go out while one reads. */
function Question({ onClose }: { onClose: () => void }) {
  const t = useText()
  const client = useClient()
  const unsent = useSyncExternalStore(
    tell => client.listen(update => update.kind === 'outbox' && tell()),
    () => client.outbox,
  )
  const count = unsent.length
  const leave = async () => {
    if (!(await signOut(unsent))) toast('danger', t('settings.signOut.kept'))
  }
  const words: ReactNode =
    count > 0 ? (
      <>
        <Banner tone="danger">{t('settings.signOut.unsent', { count })}</Banner>
        <p>{t('settings.signOut.wait')}</p>
      </>
    ) : (
      <p>{t('settings.signOut.words')}</p>
    )
  return (
    <Confirm
      title={t('settings.signOut')}
      action={count > 0 ? t('settings.signOut.anyway') : t('settings.signOut')}
      onConfirm={leave}
      onClose={onClose}
    >
      {words}
    </Confirm>
  )
}
