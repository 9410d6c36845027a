/** A table of people as it comes from a file or from the clipboard, made into what is imported. */

/** How a spreadsheet may have written its text, the surest sign first. */
const ENCODINGS = ['utf-8', 'big5', 'gb18030'] as const

/** A table, and how its letters were read. */
export interface Table {
  text: string
  /** Anything but `utf-8` is a guess: somebody should look at the names. */
  encoding: string
}

/** Reads a file of a spreadsheet: UTF-8, UTF-16, or what Excel writes in Hong Kong and China. */
export function decode(bytes: Uint8Array): Table {
  const marked = utf16(bytes)
  if (marked) return { text: new TextDecoder(marked).decode(bytes), encoding: marked }
  for (const encoding of ENCODINGS) {
    try {
      return { text: new TextDecoder(encoding, { fatal: true }).decode(bytes), encoding }
    } catch {
      // Not this one: the next.
    }
  }
  return { text: new TextDecoder().decode(bytes), encoding: 'utf-8' }
}

function utf16([first, second]: Uint8Array): string | undefined {
  if (first === 0xff && second === 0xfe) return 'utf-16le'
  return first === 0xfe && second === 0xff ? 'utf-16be' : undefined
}

/** What is copied from a spreadsheet has tabs between its cells; with commas it is a table. */
export function withCommas(text: string): string {
  const end = text.search(/[\r\n]/)
  const head = end < 0 ? text : text.slice(0, end)
  if (!head.includes('\t')) return text
  return text
    .split(/\r\n|\r|\n/)
    .map(line => line.split('\t').map(quoted).join(','))
    .join('\n')
}

/** A cell as RFC 4180 writes it; one that the spreadsheet has quoted stays so. */
function quoted(cell: string): string {
  if (/^".*"$/s.test(cell) || !/[",]/.test(cell)) return cell
  return `"${cell.replaceAll('"', '""')}"`
}

/** A table to begin with. Its mark tells spreadsheets that it is UTF-8. */
export const TEMPLATE = `\uFEFF${[
  'login,name,title,department,manager,locale,tz',
  'siuming,陳小明 Siu Ming Chan,店長 Shop manager,Shops/Central,,zh-HK,Asia/Hong_Kong',
  'kayan,李家欣 Ka Yan Lee,售貨員 Sales associate,Shops/Central,siuming,zh-HK,Asia/Hong_Kong',
].join('\r\n')}\r\n`
