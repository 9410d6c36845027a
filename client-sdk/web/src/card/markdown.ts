/** Markdown as a tree. It is read by a library and drawn by us: nothing of it becomes markup. */

import { lexer, type Token } from 'marked'

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
