import { useEffect, useMemo } from 'react'
import { create } from 'zustand'
import { lineOf, type Message } from '../model/message.ts'
import type { Key } from '../texts/language.tsx'

/** So much Markdown is read for one line: more than any screen shows of it. */
const READ_MAX = 2_000

/** Reads Markdown; absent until it was fetched, because most messages are texts. */
const useReader = create<{ read?: (text: string) => string }>(() => ({}))

/** Whoever cannot fetch it reads Markdown as it was written, until the next message asks again. */
async function fetchReader(): Promise<void> {
  const fetched = await import('../card/markdown.ts').catch(() => undefined)
  if (fetched) useReader.setState({ read: fetched.lineIn })
}

/** A message in one line, as people read it; `undefined` if it says nothing. */
export function useLine(message: Message | undefined): string | undefined {
  const line = useMemo(() => message && lineOf(message), [message])
  const { read } = useReader()
  const wanted = line?.markdown === true && !read
  useEffect(() => {
    if (wanted) void fetchReader()
  }, [wanted])
  return useMemo(() => {
    if (!line?.markdown) return line?.text
    const text = line.text.slice(0, READ_MAX)
    return read ? read(text) : text
  }, [line, read])
}

/** What stands in place of a message that says nothing. */
export function instead({ withheld }: Message): Key {
  return withheld ? 'chat.withheld' : 'chat.unknown.kind'
}
