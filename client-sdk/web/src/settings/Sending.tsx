import { useState } from 'react'
import { Section } from '../app/Page.tsx'
import { useText } from '../texts/language.tsx'
import { Choice } from '../ui/Choice.tsx'

/** Where the composer looks it up; `enter` if nothing was chosen. */
const KEY = 'carillon-send'
type Send = 'enter' | 'ctrl-enter'

function chosenSend(): Send {
  return localStorage.getItem(KEY) === 'ctrl-enter' ? 'ctrl-enter' : 'enter'
}

/** Which key sends a message on this device, and which begins a line. */
export function Sending() {
  const t = useText()
  const [send, setSend] = useState(chosenSend)
  return (
    <Section title={t('settings.send')} hint={t('settings.send.hint')}>
      <Choice<Send>
        label={t('settings.send.key')}
        value={send}
        options={[
          { value: 'enter', label: t('settings.send.enter') },
          { value: 'ctrl-enter', label: t('settings.send.ctrlEnter') },
        ]}
        onChange={chosen => {
          localStorage.setItem(KEY, chosen)
          setSend(chosen)
        }}
      />
    </Section>
  )
}
