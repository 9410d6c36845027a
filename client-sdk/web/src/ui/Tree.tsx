import { ChevronRight } from 'lucide-react'
import { type CSSProperties, type KeyboardEvent, useRef, useState } from 'react'
import './tree.css'

export interface Node {
  id: string
  label: string
  /** Stands at the end, as a number of people. */
  note?: string | undefined
  below: readonly Node[]
}

interface Shown {
  node: Node
  level: number
  parent: string | undefined
  position: number
  siblings: number
}

/** A tree of which one node is chosen (ARIA's tree view pattern). */
export function Tree({
  label,
  nodes,
  chosen,
  onChoose,
  shut: initially = [],
}: {
  label: string
  nodes: readonly Node[]
  chosen: string | undefined
  onChoose: (id: string) => void
  /** Whose children do not show at first. */
  shut?: readonly string[]
}) {
  const [shut, setShut] = useState(() => new Set(initially))
  const [focused, setFocused] = useState<string>()
  const tree = useRef<HTMLDivElement>(null)
  const rows = shown(nodes, shut)
  // One of them is in the order of the Tab key: where one was, or what is chosen, or the first.
  const visible = (id: string | undefined) => rows.some(({ node }) => node.id === id)
  const entry = [focused, chosen].find(visible) ?? rows[0]?.node.id
  const open = (id: string, open: boolean) => {
    const next = new Set(shut)
    if (open) next.delete(id)
    else next.add(id)
    setShut(next)
  }
  const go = (id: string | undefined) => {
    if (id === undefined) return
    setFocused(id)
    const row = tree.current?.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"]`)
    row?.focus()
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const at = rows.findIndex(({ node }) => node.id === entry)
    const row = rows[at]
    if (!row || event.altKey || event.ctrlKey || event.metaKey) return
    const { id, below } = row.node
    const isOpen = below.length > 0 && !shut.has(id)
    const step = steps(event.key, isOpen)
    if (!step) return
    event.preventDefault()
    if (step === 'choose') onChoose(id)
    else if (step === 'open' || step === 'shut') open(id, step === 'open')
    else go(goal(step, rows, at)?.node.id)
  }
  return (
    <div ref={tree} className="tree" role="tree" aria-label={label} onKeyDown={onKeyDown}>
      {rows.map(row => (
        <Row
          key={row.node.id}
          row={row}
          isOpen={!shut.has(row.node.id)}
          isChosen={row.node.id === chosen}
          isEntry={row.node.id === entry}
          onOpen={isOpen => open(row.node.id, isOpen)}
          onChoose={() => {
            setFocused(row.node.id)
            onChoose(row.node.id)
          }}
        />
      ))}
    </div>
  )
}

type Step = 'next' | 'before' | 'first' | 'last' | 'above' | 'open' | 'shut' | 'choose'

/** What a key does at a node. */
function steps(key: string, isOpen: boolean): Step | undefined {
  switch (key) {
    case 'ArrowDown':
      return 'next'
    case 'ArrowUp':
      return 'before'
    case 'ArrowRight':
      return isOpen ? 'next' : 'open'
    case 'ArrowLeft':
      return isOpen ? 'shut' : 'above'
    case 'Home':
      return 'first'
    case 'End':
      return 'last'
    case 'Enter':
    case ' ':
      return 'choose'
  }
  return undefined
}

function goal(step: Step, rows: readonly Shown[], at: number): Shown | undefined {
  switch (step) {
    case 'next':
      return rows[at + 1]
    case 'before':
      return rows[at - 1]
    case 'first':
      return rows[0]
    case 'last':
      return rows.at(-1)
    case 'above':
      return rows.find(({ node }) => node.id === rows[at]?.parent)
  }
  return undefined
}

function Row({
  row: { node, level, position, siblings },
  isOpen,
  isChosen,
  isEntry,
  onOpen,
  onChoose,
}: {
  row: Shown
  isOpen: boolean
  isChosen: boolean
  isEntry: boolean
  onOpen: (open: boolean) => void
  onChoose: () => void
}) {
  const opens = node.below.length > 0
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree around it has the keys
    <div
      className="tree-row"
      role="treeitem"
      data-id={node.id}
      style={{ '--level': level } as CSSProperties}
      aria-level={level}
      aria-posinset={position}
      aria-setsize={siblings}
      aria-expanded={opens ? isOpen : undefined}
      aria-selected={isChosen}
      tabIndex={isEntry ? 0 : -1}
      onClick={onChoose}
    >
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the arrow keys do the same */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the arrow keys do the same */}
      <span
        className="tree-turn"
        onClick={event => {
          if (!opens) return
          event.stopPropagation()
          onOpen(!isOpen)
        }}
      >
        {opens && <ChevronRight aria-hidden="true" data-open={isOpen} />}
      </span>
      <span className="tree-label">{node.label}</span>
      {node.note && <span className="tree-note">{node.note}</span>}
    </div>
  )
}

function shown(
  nodes: readonly Node[],
  shut: ReadonlySet<string>,
  level = 1,
  parent?: string,
): Shown[] {
  return nodes.flatMap((node, index) => [
    { node, level, parent, position: index + 1, siblings: nodes.length },
    ...(shut.has(node.id) ? [] : shown(node.below, shut, level + 1, node.id)),
  ])
}
