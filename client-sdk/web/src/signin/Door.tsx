import { type ReactNode, useId } from 'react'
import type { Language } from '../../texts/plugin.ts'
import { speak } from '../app/language.ts'
import { useTitle } from '../app/title.ts'
import { NAMES, useLanguage, useText } from '../texts/language.tsx'
import './door.css'

/** The page before the app: whose it is, what to do, and in which language. */
export function Door({
  title,
  org,
  onLanguage,
  children,
}: {
  title: string
  /** The organisation, once it is known. */
  org?: string | undefined
  /** Told when the person chooses a language here. */
  onLanguage?: (language: Language) => void
  children: ReactNode
}) {
  useTitle(title)
  return (
    <div className="door">
      <DoorHead org={org} onLanguage={onLanguage} />
      <main className="door-main">
        <h1>{title}</h1>
        {children}
      </main>
    </div>
  )
}

/** Whose the page is, and in which language. */
export function DoorHead({
  org,
  onLanguage,
}: {
  org: string | undefined
  onLanguage?: ((language: Language) => void) | undefined
}) {
  const t = useText()
  return (
    <header className="door-head">
      <img className="door-icon" src="/icon.svg" alt="" />
      <span className="door-brand">{org ?? t('brand')}</span>
      <Languages onLanguage={onLanguage} />
    </header>
  )
}

function Languages({ onLanguage }: { onLanguage: ((language: Language) => void) | undefined }) {
  const t = useText()
  const language = useLanguage()
  const id = useId()
  const choose = async (language: Language) => {
    await speak(language)
    onLanguage?.(language)
  }
  return (
    <>
      <label className="visually-hidden" htmlFor={id}>
        {t('language')}
      </label>
      <select
        id={id}
        className="input door-language"
        value={language}
        onChange={event => void choose(event.target.value as Language)}
      >
        {Object.entries(NAMES).map(([tag, name]) => (
          <option key={tag} value={tag} lang={tag}>
            {name}
          </option>
        ))}
      </select>
    </>
  )
}
