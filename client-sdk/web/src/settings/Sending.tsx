import { useState } from 'react'
import { Section } from '../app/Page.tsx'
import { type SendKey, sendKey, setSendKey } from '../model/writing.ts'
import { useText } from '../texts/language.tsx'
import { Choice } from '../ui/Choice.tsx'

/** Which key sends a message on this device, and which begins a line. */
export function Sending() {
  const t = useText()
  const [send, setSend] = useState(sendKey)
  return (
    <Section title={t('settings.send')} hint={t('settings.send.hint')}>
      <Choice<SendKey>
        label={t('settings.send.key')}
        value={send}
        options={[
          { value: 'enter', label: t('settings.send.enter') },
          { value: 'ctrl-enter', label: t('settings.send.ctrlEnter') },
        ]}
        onChange={chosen => {
          setSendKey(chosen)
          setSend(chosen)
        }}
      />
    </Section>
  )
}
