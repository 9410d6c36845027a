import { useState } from 'react'
import { type Appearance, appearance, setAppearance } from '../app/appearance.ts'
import { Section } from '../app/Page.tsx'
import { useText } from '../texts/language.tsx'
import { Choice } from '../ui/Choice.tsx'

/** How the app looks on this device. */
export function Look() {
  const t = useText()
  const [chosen, setChosen] = useState(appearance)
  const change = (part: Partial<Appearance>) => {
    const next = { ...chosen, ...part }
    setAppearance(next)
    setChosen(next)
  }
  return (
    <Section title={t('settings.look')} hint={t('settings.look.hint')}>
      <Choice
        label={t('settings.theme')}
        value={chosen.theme}
        options={[
          { value: 'system', label: t('settings.theme.system') },
          { value: 'light', label: t('settings.theme.light') },
          { value: 'dark', label: t('settings.theme.dark') },
        ]}
        onChange={theme => change({ theme })}
      />
      <Choice
        label={t('settings.text')}
        value={chosen.text}
        options={[
          { value: 'normal', label: t('settings.text.normal') },
          { value: 'big', label: t('settings.text.big') },
        ]}
        onChange={text => change({ text })}
      />
    </Section>
  )
}
