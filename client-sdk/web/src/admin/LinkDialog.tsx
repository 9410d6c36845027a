import type { Reply } from '@carillon/client'
import { useWhen } from '../app/when.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { CopyLink } from '../ui/CopyLink.tsx'
import { Dialog } from '../ui/Dialog.tsx'

/** A link that was just made, which is shown now and never again. */
export function LinkDialog({
  title,
  words,
  created,
  onClose,
}: {
  title: string
  /** Who does what with it. */
  words: string
  created: Reply<'org.invite.create'>
  onClose: () => void
}) {
  const t = useText()
  const when = useWhen()
  return (
    <Dialog
      title={title}
      onClose={onClose}
      firm
      actions={<Button onClick={onClose}>{t('close')}</Button>}
    >
      <p>{words}</p>
      <CopyLink
        label={t('invite.link')}
        hint={t('invite.link.hint', { until: when.moment(created.expires_at) })}
        link={`${location.origin}/join#${created.token}`}
      />
    </Dialog>
  )
}
