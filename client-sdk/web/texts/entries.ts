import { type Entry, LANGUAGES, type Language } from './plugin.ts'

type Texts = ReadonlyMap<string, Entry>

/** What is wrong with the entries of a catalogue, a line for each fault. */
export function faultsOf(texts: Texts): string[] {
  return [...texts].flatMap(([key, entry]) => [
    ...faultsOfLanguages(key, entry),
    ...faultsOfPlural(key, texts),
    ...faultsOfPlaceholders(key, entry, texts),
    ...faultsOfCantonese(key, entry),
  ])
}

function faultsOfLanguages(key: string, entry: Entry): string[] {
  const wanted: readonly Language[] = key.endsWith('_one') ? ['en'] : LANGUAGES
  const missing = wanted.filter(language => !entry[language]?.trim())
  const extra = Object.keys(entry).filter(language => !wanted.some(known => known === language))
  return [
    ...missing.map(language => `${key} has no text in ${language}`),
    ...extra.map(language => `${key} has a text in ${language} that is never shown`),
  ]
}

function faultsOfPlural(key: string, texts: Texts): string[] {
  const [, base, form] = /^(.*)_(one|other)$/.exec(key) ?? []
  if (base === undefined) return []
  const other = `${base}_${form === 'one' ? 'other' : 'one'}`
  return [
    ...(texts.has(other) ? [] : [`${key} stands without ${other}`]),
    ...(texts.has(base) ? [`${key} stands beside ${base}`] : []),
  ]
}

/** The names in a text's `{{…}}`, in one order and each once. */
function placeholders(text: string): string[] {
  const names = [...text.matchAll(/{{\s*([^}\s]+)\s*}}/g)].map(found => found[1] ?? '')
  return [...new Set(names)].sort()
}

function faultsOfPlaceholders(key: string, entry: Entry, texts: Texts): string[] {
  const one = key.endsWith('_one')
  const model = one ? texts.get(key.replace(/_one$/, '_other')) : entry
  // "One person" needs no figure.
  const names = (text: string) => placeholders(text).filter(name => !one || name !== 'count')
  const wanted = names(model?.['zh-HK'] ?? '').join(', ')
  return Object.entries(entry)
    .map(([language, text]) => [language, names(text).join(', ')])
    .filter(([, found]) => found !== wanted)
    .map(([language, found]) => `${key} in ${language} is filled with "${found}", not "${wanted}"`)
}

/**
 * What Mandarin writes where Cantonese has a word of its own: a text with one of them was
 * converted and not written. Beside them, the words in which Cantonese has the same character.
 */
const MANDARIN: Record<string, readonly string[]> = {
  的: ['目的', '的確', '的士'],
  了: ['了解', '為了', '除了'],
  們: [],
  這: [],
  那: ['剎那'],
  很: [],
  她: [],
  他: ['其他', '他人'],
  您: [],
  吧: [],
  嗎: [],
  在: ['存在', '在線', '實在', '在職', '所在'],
  和: ['總和', '溫和'],
  也: [],
  看: [],
  說: ['說明'],
  找: [],
  給: [],
  被: [],
  把: [],
  沒: [],
  不: ['不過', '不同', '不如', '不變', '不論', '不限', '不時'],
  什麼: [],
  甚麼: [],
  怎: [],
  登錄: [],
  信息: [],
  保存: [],
  設置: [],
  默認: [],
  服務器: [],
  賬號: [],
  查找: [],
  點擊: [],
}

function faultsOfCantonese(key: string, entry: Entry): string[] {
  const text = entry['zh-HK'] ?? ''
  const found = Object.entries(MANDARIN).filter(([word, shared]) =>
    shared.reduce((rest, allowed) => rest.replaceAll(allowed, ''), text).includes(word),
  )
  return found.map(([word]) => `${key} in zh-HK says ${word}, which is not Cantonese`)
}
