/** Markdown as a tree. It is read by a library and drawn by us: nothing of it becomes markup. */

import { lexer, type Token, type Tokens } from 'marked'

/** Deeper than this nobody reads, and no page should have to draw. */
export const DEPTH_MAX = 16

/** The tree of a text; of one that cannot be read, the text. */
export function treeOf(text: string): Token[] {
  try {
    return lexer(text, { gfm: true, breaks: true })
  } catch {
    // Quotations in quotations, thousands of them: the reader ran out of its stack.
    return [{ type: 'text', raw: text, text }]
  }
}

/** What a text says, in one line: what is only form is left out. */
export function lineIn(text: string): string {
  return said(treeOf(text), 0).replaceAll(/\s+/g, ' ').trim()
}

/** So much form, as `###` and `**`, may stand around a title. */
const FORM_MAX = 16

/** Whether a text begins with its title: programs write it twice, as elsewhere one is not shown. */
export function beginsWith(text: string, title: string): boolean {
  const [first = ''] = text.trimStart().split('\n', 1)
  return first.length <= title.length + FORM_MAX && lineIn(first) === title.trim()
}

function said(tokens: readonly Token[] | undefined, depth: number): string {
  if (!tokens) return ''
  if (depth > DEPTH_MAX) return tokens.map(token => token.raw).join('')
  return tokens.map(token => saidIn(token, depth + 1)).join('')
}

function saidIn(token: Token, depth: number): string {
  switch (token.type) {
    case 'space':
    case 'br':
    case 'hr':
    case 'def':
      return ' '
    case 'paragraph':
    case 'heading':
    case 'blockquote':
      return `${said(token.tokens, depth)} `
    case 'strong':
    case 'em':
    case 'del':
    case 'link':
      return said(token.tokens, depth)
    case 'list':
      return (token as Tokens.List).items.map(item => ` ${said(item.tokens, depth)} `).join('')
    case 'table': {
      const { header, rows } = token as Tokens.Table
      return [header, ...rows]
        .flat()
        .map(cell => `${said(cell.tokens, depth)} `)
        .join('')
    }
    case 'text':
      return token.tokens ? said(token.tokens, depth) : plain(token.text)
    case 'codespan':
    case 'image':
      return plain(token.text)
    case 'code':
      return `${token.text} `
    case 'checkbox':
      return token.checked ? '☑ ' : '☐ '
    case 'escape':
      return token.text
    default:
      // HTML among them: it is shown, not done.
      return token.raw
  }
}

/** The characters that programs write for HTML's sake. */
const ENTITIES: Record<string, string> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&nbsp;': '\u00a0',
}

/** A text as it is meant. */
export function plain(text: string): string {
  return text.replaceAll(/&(?:amp|lt|gt|quot|#39|nbsp);/g, entity => ENTITIES[entity] ?? entity)
}
