import type { BotGranted } from '@carillon/client'
import { Check, Copy } from 'lucide-react'
import { useRef, useState } from 'react'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { CopyLink } from '../ui/CopyLink.tsx'
import { Dialog } from '../ui/Dialog.tsx'
import { TextArea } from '../ui/Field.tsx'
import { Banner } from '../ui/Notice.tsx'
import { addressesOf, commandOf } from './example.ts'

/** A robot's address, or its new secret: shown now and never again. */
export function Address({
  name,
  granted,
  keyword,
  onClose,
}: {
  name: string
  granted: BotGranted
  /** A word without which nothing is posted. */
  keyword?: string
  onClose: () => void
}) {
  const t = useText()
  const { token, secret } = granted
  const { dingtalk, hook } = addressesOf(location.origin, token)
  const words = keyword === undefined ? t('robots.hello') : `${t('robots.hello')} ${keyword}`
  return (
    <Dialog
      title={t('robots.address', { name })}
      onClose={onClose}
      firm
      actions={<Button onClick={onClose}>{t('close')}</Button>}
    >
      <Banner tone="attention">{t('robots.once')}</Banner>
      {token !== '' && <CopyLink label={t('robots.dingtalk')} link={dingtalk} />}
      {secret !== undefined && (
        <CopyLink
          label={t('robots.secret')}
          link={secret}
          words={{ copy: t('robots.secret.copy'), copied: t('robots.secret.copied') }}
        />
      )}
      {token !== '' && secret === undefined && <CopyLink label={t('robots.hook')} link={hook} />}
      {token !== '' && <Command text={commandOf(dingtalk, words, secret)} />}
    </Dialog>
  )
}

/** A command for a terminal, in lines. */
function Command({ text }: { text: string }) {
  const t = useText()
  const [copied, setCopied] = useState(false)
  const around = useRef<HTMLDivElement>(null)
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text)
      setCopied(true)
    } catch {
      // The browser does not allow it: the person copies what is marked.
      around.current?.querySelector('textarea')?.select()
    }
  }
  return (
    <div ref={around} className="form robot-command">
      <TextArea
        label={t('robots.try')}
        value={text}
        rows={text.split('\n').length + 2}
        readOnly
        spellCheck={false}
        dir="ltr"
        onFocus={event => event.currentTarget.select()}
      />
      <Button icon={copied ? <Check /> : <Copy />} onClick={() => void copy()}>
        {t(copied ? 'robots.try.copied' : 'robots.try.copy')}
      </Button>
    </div>
  )
}
