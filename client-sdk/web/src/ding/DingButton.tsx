import { BellRing } from 'lucide-react'
import { useLocation } from 'wouter'
import { useText } from '../texts/language.tsx'
import { IconButton } from '../ui/Button.tsx'
import { begin, type Target } from './draft.ts'

/** Begins an alert to everybody of a conversation. */
export function DingButton({ to }: { to: Target }) {
  const t = useText()
  const [, navigate] = useLocation()
  const write = () => {
    begin([to])
    navigate('/ding/new')
  }
  return <IconButton label={t('ding.here')} icon={<BellRing />} onClick={write} />
}
