import type { UserId } from '@carillon/client'
import type { Token, Tokens } from 'marked'
import { memo, type ReactNode, useMemo } from 'react'
import { PartView } from '../chat/Words.tsx'
import { elsewhere, linkAddress, pictureAddress } from '../model/address.ts'
import { usePeople } from '../model/hooks.ts'
import { type Named, partsOf } from '../model/words.ts'
import { DEPTH_MAX, plain, treeOf } from './markdown.ts'
import { Picture } from './Picture.tsx'

const NOBODY: readonly UserId[] = []

/** Markdown that others wrote. What it may not do stands there as it was written. */
export const Markdown = memo(function Markdown({
  text,
  me,
  mentions = NOBODY,
}: {
  text: string
  me: UserId
  mentions?: readonly UserId[]
}) {
  const people = usePeople(mentions)
  const tree = useMemo(() => treeOf(text), [text])
  return <div className="markdown">{drawn(tree, { me, people, depth: 0 })}</div>
})

interface Around {
  readonly me: UserId
  readonly people: readonly Named[]
  readonly depth: number
}

function drawn(tokens: readonly Token[] | undefined, around: Around): ReactNode[] {
  // biome-ignore lint/suspicious/noArrayIndexKey: parts have no other name, and do not move
  return (tokens ?? []).map((token, number) => <Part key={number} token={token} around={around} />)
}

function Part({ token, around }: { token: Token; around: Around }): ReactNode {
  if (around.depth > DEPTH_MAX) return token.raw
  const inside = (tokens: readonly Token[] | undefined) =>
    drawn(tokens, { ...around, depth: around.depth + 1 })
  switch (token.type) {
    case 'space':
    case 'def':
      return null
    case 'paragraph':
      return <p dir="auto">{inside(token.tokens)}</p>
    case 'heading':
      return (
        <p className={token.depth <= 2 ? 'markdown-title' : 'markdown-head'} dir="auto">
          {inside(token.tokens)}
        </p>
      )
    case 'strong':
      return <strong>{inside(token.tokens)}</strong>
    case 'em':
      return <em>{inside(token.tokens)}</em>
    case 'del':
      return <del>{inside(token.tokens)}</del>
    case 'codespan':
      return <code>{plain(token.text)}</code>
    case 'code':
      return (
        <pre dir="ltr">
          <code>{token.text}</code>
        </pre>
      )
    case 'br':
      return <br />
    case 'hr':
      return <hr />
    case 'blockquote':
      return <blockquote>{inside(token.tokens)}</blockquote>
    case 'checkbox':
      return token.checked ? '☑ ' : '☐ '
    case 'list':
      return <List list={token as Tokens.List} inside={inside} />
    case 'table':
      return <Table table={token as Tokens.Table} inside={inside} />
    case 'link':
      return <Link link={token as Tokens.Link} inside={inside} />
    case 'image':
      return <Picture url={pictureAddress(token.href)} alt={plain(token.text)} raw={token.raw} />
    case 'text':
      return token.tokens ? inside(token.tokens) : <Text text={plain(token.text)} around={around} />
    case 'escape':
      return token.text
    default:
      // HTML among them: it is shown, not done.
      return token.raw
  }
}

type Inside = (tokens: readonly Token[] | undefined) => ReactNode[]

function List({ list, inside }: { list: Tokens.List; inside: Inside }) {
  const items = list.items.map((item, number) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: as above
    <li key={number} dir="auto">
      {inside(item.tokens)}
    </li>
  ))
  const start = typeof list.start === 'number' ? list.start : 1
  return list.ordered ? <ol start={start}>{items}</ol> : <ul>{items}</ul>
}

function Table({ table, inside }: { table: Tokens.Table; inside: Inside }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: who has no mouse scrolls it by the keyboard
    <div className="markdown-table" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {table.header.map((cell, number) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: as above
              <th key={number}>{inside(cell.tokens)}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map((row, number) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: as above
            <tr key={number}>
              {row.map((cell, number) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: as above
                <td key={number}>{inside(cell.tokens)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Link({ link, inside }: { link: Tokens.Link; inside: Inside }) {
  const href = linkAddress(link.href)
  if (!href) return link.raw
  const real = elsewhere(plain(link.text), href)
  return (
    <>
      <a href={href} target="_blank" rel="noopener noreferrer" title={href}>
        {inside(link.tokens)}
      </a>
      {real && <span className="markdown-host"> ({real})</span>}
    </>
  )
}

/** Words in which people are mentioned and addresses can be clicked. */
function Text({ text, around }: { text: string; around: Around }) {
  const parts = useMemo(() => partsOf(text, around.people), [text, around.people])
  // biome-ignore lint/suspicious/noArrayIndexKey: as above
  return parts.map((part, number) => <PartView key={number} part={part} me={around.me} />)
}
