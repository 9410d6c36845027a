import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Text } from '../../src/texts/language.tsx'
import type { Language } from '../../texts/plugin.ts'

const FOLDER = join(import.meta.dirname, '../../texts')

type Entry = Record<string, string>

function entries(): Record<string, Entry> {
  const files = readdirSync(FOLDER).filter(name => name.endsWith('.json'))
  const texts = files.map(name => JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as object)
  return Object.assign({}, ...texts) as Record<string, Entry>
}

/** The app's texts as a person reads them who speaks this language. */
export function wording(language: Language): Text {
  const texts = entries()
  return (key, values = {}) => {
    const form = language === 'en' && values.count === 1 ? 'one' : 'other'
    const text = (texts[key] ?? texts[`${key}_${form}`])?.[language]
    if (text === undefined) throw new Error(`there is no text ${key} in ${language}`)
    return text.replaceAll(/{{\s*([^}\s]+)\s*}}/g, (_, name: string) => String(values[name]))
  }
}
