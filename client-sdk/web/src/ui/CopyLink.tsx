import { Check, Copy } from 'lucide-react'
import { useRef, useState } from 'react'
import { useText } from '../texts/language.tsx'
import { Button } from './Button.tsx'
import { Field } from './Field.tsx'

/** An address to give to somebody, or something else that is copied in one line. */
export function CopyLink({
  label,
  hint,
  link,
  words,
}: {
  label: string
  hint?: string
  link: string
  /** What the button says, before and after, if it is no link. */
  words?: { copy: string; copied: string }
}) {
  const t = useText()
  const [copied, setCopied] = useState(false)
  const around = useRef<HTMLDivElement>(null)
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(link)
      setCopied(true)
    } catch {
      // The browser does not allow it: the person copies what is marked.
      around.current?.querySelector('input')?.select()
    }
  }
  return (
    <div ref={around} className="form">
      <Field
        label={label}
        hint={hint}
        value={link}
        readOnly
        onFocus={event => event.currentTarget.select()}
      />
      <Button look="primary" icon={copied ? <Check /> : <Copy />} onClick={() => void copy()}>
        {copied ? (words?.copied ?? t('link.copied')) : (words?.copy ?? t('link.copy'))}
      </Button>
    </div>
  )
}
