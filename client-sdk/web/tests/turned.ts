import type { Page } from '@playwright/test'
import { TURNING } from './corpus.ts'

/**
 * Words that stand beside a name which turns the direction of writing and are turned by it: from
 * right to left, as nobody wrote them.
 */
export async function turned(page: Page): Promise<string[]> {
  return page.evaluate(turning => {
    const found: string[] = []
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    for (let node = texts.nextNode(); node; node = texts.nextNode()) {
      const text = node.nodeValue ?? ''
      if (!node.parentElement?.checkVisibility()) continue
      for (const { start, end } of plain(text)) {
        const [first, last] = [place(node, start), place(node, end - 1)]
        const isOneLine = Math.abs(first.top - last.top) < 2 && first.width > 0 && last.width > 0
        if (isOneLine && first.left > last.left) found.push(`turned: ${text.slice(0, 80)}`)
      }
    }
    return found

    /** The words that are not of the name. */
    function plain(text: string): { start: number; end: number }[] {
      const names: [number, number][] = []
      for (let at = text.indexOf(turning); at >= 0; at = text.indexOf(turning, at + 1)) {
        names.push([at, at + turning.length])
      }
      return [...text.matchAll(/[A-Za-z]{3,}/g)]
        .map(word => ({ start: word.index, end: word.index + word[0].length }))
        .filter(word => !names.some(([from, to]) => word.start >= from && word.end <= to))
    }

    function place(node: Node, at: number): DOMRect {
      const range = document.createRange()
      range.setStart(node, at)
      range.setEnd(node, at + 1)
      return range.getBoundingClientRect()
    }
  }, TURNING)
}
