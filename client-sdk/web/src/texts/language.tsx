import { createInstance, type i18n } from 'i18next'
import { createContext, type ReactNode, useContext, useMemo, useSyncExternalStore } from 'react'
import type admin from '../../texts/admin.json'
import type alerts from '../../texts/alerts.json'
import type app from '../../texts/app.json'
import type audit from '../../texts/audit.json'
import type chat from '../../texts/chat.json'
import type ding from '../../texts/ding.json'
import type guests from '../../texts/guests.json'
import type people from '../../texts/people.json'
import type { Language } from '../../texts/plugin.ts'
import type polls from '../../texts/polls.json'
import type push from '../../texts/push.json'
import type robots from '../../texts/robots.json'
import type rooms from '../../texts/rooms.json'
import type schedules from '../../texts/schedules.json'
import type settings from '../../texts/settings.json'
import type signin from '../../texts/signin.json'

type Files = typeof admin &
  typeof alerts &
  typeof app &
  typeof audit &
  typeof chat &
  typeof ding &
  typeof guests &
  typeof people &
  typeof polls &
  typeof push &
  typeof robots &
  typeof rooms &
  typeof schedules &
  typeof settings &
  typeof signin

/** The key of a text; one that counts stands in the catalogue as `key_one` and `key_other`. */
export type Key = keyof Files extends infer K
  ? K extends `${infer Base}_one` | `${infer Base}_other`
    ? Base
    : K
  : never

/** A text by its key; `{{name}}` in it is filled from the values. */
export type Text = (key: Key, values?: Record<string, string | number>) => string

/** Every language of the app, by its own name. */
export const NAMES: Record<Language, string> = {
  'zh-HK': '繁體中文',
  en: 'English',
  'zh-CN': '简体中文',
}

const SOURCES: Record<Language, () => Promise<{ default: Record<string, string> }>> = {
  'zh-HK': () => import('virtual:texts/zh-HK'),
  en: () => import('virtual:texts/en'),
  'zh-CN': () => import('virtual:texts/zh-CN'),
}

/** The language of the app, and the texts in it. */
export class Texts {
  readonly #i18n: i18n = createInstance()
  readonly #listeners = new Set<() => void>()
  #text: Text = key => key
  language: Language = 'zh-HK'

  /** Loads a language and shows it. */
  async use(language: Language): Promise<void> {
    const texts = await SOURCES[language]()
    if (!this.#i18n.isInitialized) {
      // React shows strings as text: there is nothing to escape.
      await this.#i18n.init({
        resources: {},
        keySeparator: false,
        nsSeparator: false,
        interpolation: { escapeValue: false },
      })
    }
    this.#i18n.addResourceBundle(language, 'translation', texts.default)
    await this.#i18n.changeLanguage(language)
    const t = this.#i18n.getFixedT(language)
    const plain = new Map<Key, string>()
    this.#text = (key, values) => {
      if (values) return t(key, values)
      // Every row of a list asks for the same few.
      const text = plain.get(key) ?? t(key, {})
      plain.set(key, text)
      return text
    }
    this.language = language
    document.documentElement.lang = language
    for (const listener of this.#listeners) listener()
  }

  readonly text = (): Text => this.#text

  readonly current = (): Language => this.language

  readonly listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

/** The language that this browser asks for, of those that there are. */
export function preferred(asked: readonly string[]): Language {
  for (const tag of asked.map(tag => tag.toLowerCase())) {
    if (/^(zh-(hans|cn|sg|my)|zh-hans)/.test(tag)) return 'zh-CN'
    if (tag.startsWith('zh') || tag.startsWith('yue')) return 'zh-HK'
    if (tag.startsWith('en')) return 'en'
  }
  return 'zh-HK'
}

const Context = createContext<Texts | undefined>(undefined)

export function TextsProvider({ texts, children }: { texts: Texts; children: ReactNode }) {
  return <Context value={texts}>{children}</Context>
}

/** The language, to show and to change it. */
export function useTexts(): Texts {
  const texts = useContext(Context)
  if (!texts) throw new Error('there is no TextsProvider around this')
  return texts
}

/** The language of the app; whoever uses it is drawn again in another one. */
export function useLanguage(): Language {
  const texts = useTexts()
  return useSyncExternalStore(texts.listen, texts.current)
}

/** The texts; whoever uses it is drawn again in another language. */
export function useText(): Text {
  const texts = useTexts()
  return useSyncExternalStore(texts.listen, texts.text)
}

/** Compares names as the language of the app orders them. */
export function useByName(): (one: { name: string }, other: { name: string }) => number {
  const language = useLanguage()
  return useMemo(() => {
    const { compare } = new Intl.Collator(language, { numeric: true })
    return (one, other) => compare(one.name, other.name)
  }, [language])
}
