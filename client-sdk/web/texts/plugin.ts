import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Plugin } from 'vite'

/** The languages of the catalogue, the first is the one that everything is written in. */
export const LANGUAGES = ['zh-HK', 'en', 'zh-CN'] as const
export type Language = (typeof LANGUAGES)[number]

const FOLDER = import.meta.dirname
const PREFIX = 'virtual:texts/'

/**
 * A text in every language. Only English tells one from many: `key_one` stands there alone,
 * beside `key_other` in all of them.
 */
export type Entry = Partial<Record<Language, string>>

/** The whole catalogue: one file for each part of the app, a key stands in one of them. */
export function catalogue(): Map<string, Entry> {
  const all = new Map<string, Entry>()
  for (const file of readdirSync(FOLDER).filter(name => name.endsWith('.json'))) {
    const texts = JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Record<string, Entry>
    for (const [key, entry] of Object.entries(texts)) {
      if (all.has(key)) throw new Error(`${key} stands in ${file} and in another file`)
      all.set(key, entry)
    }
  }
  return all
}

/** The texts of one language by their keys. */
function inOne(language: Language): Record<string, string> {
  const texts: Record<string, string> = {}
  for (const [key, entry] of catalogue()) {
    const text = entry[language]
    if (text !== undefined) texts[key] = text
  }
  return texts
}

/** The texts whose keys begin so, for what cannot load a language: by language and key. */
export function wordsOf(prefix: string): Record<Language, Record<string, string>> {
  const few = (language: Language) =>
    Object.fromEntries(Object.entries(inOne(language)).filter(([key]) => key.startsWith(prefix)))
  return { 'zh-HK': few('zh-HK'), en: few('en'), 'zh-CN': few('zh-CN') }
}

/** `virtual:texts/LANGUAGE` is the catalogue in one language, so that only that one is loaded. */
export function texts(): Plugin {
  return {
    name: 'texts',
    resolveId: id => (id.startsWith(PREFIX) ? `\0${id}` : undefined),
    load(id) {
      if (!id.startsWith(`\0${PREFIX}`)) return
      for (const file of readdirSync(FOLDER)) this.addWatchFile(join(FOLDER, file))
      return `export default ${JSON.stringify(inOne(id.slice(PREFIX.length + 1) as Language))}`
    },
  }
}
