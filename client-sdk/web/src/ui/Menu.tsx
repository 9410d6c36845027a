import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react'
import { IconButton } from './Button.tsx'
import './menu.css'

export interface MenuItem {
  label: string
  icon?: ReactNode
  danger?: boolean
  onSelect: () => void
}

/**
 * A button with a list of things to do behind it (ARIA's menu button pattern). The list is in the
 * top layer: nothing that scrolls or is cut off around the button hides it.
 */
export function Menu({
  label,
  icon,
  items,
}: {
  label: string
  icon: ReactNode
  items: MenuItem[]
}) {
  const [open, setOpen] = useState(false)
  const around = useRef<HTMLDivElement>(null)
  const list = useRef<HTMLDivElement>(null)
  const id = useId()
  useEffect(() => {
    const [menu, button] = [list.current, around.current]
    if (!open || !menu || !button) return
    return show(menu, button, () => setOpen(false))
  }, [open])
  const shut = () => {
    setOpen(false)
    around.current?.querySelector('button')?.focus()
  }
  return (
    <div className="menu-around" ref={around}>
      <IconButton
        label={label}
        icon={icon}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setOpen(!open)}
      />
      {open && (
        <div
          ref={list}
          id={id}
          popover="manual"
          className="menu"
          role="menu"
          aria-label={label}
          tabIndex={-1}
          onKeyDown={event => move(event, list.current, shut)}
        >
          {items.map(item => (
            <button
              key={item.label}
              type="button"
              role="menuitem"
              tabIndex={-1}
              className={item.danger ? 'menu-item menu-danger' : 'menu-item'}
              onClick={() => {
                shut()
                item.onSelect()
              }}
            >
              {item.icon}
              <span>{item.label}</span>
            </button>
          ))}
        </div>
      )}
    </div>
  )
}

/** Shows the list at its button until somebody presses elsewhere; gives back how to end that. */
function show(menu: HTMLElement, button: HTMLElement, shut: () => void): () => void {
  menu.showPopover()
  place(menu, button.getBoundingClientRect())
  menu.querySelector('button')?.focus({ preventScroll: true })
  const outside = (event: Event) => {
    if (!button.contains(event.target as Node)) shut()
  }
  // What scrolls may do so by itself, as when a message arrives.
  const follow = () => {
    const now = button.getBoundingClientRect()
    if (now.bottom < 0 || now.top > innerHeight) shut()
    else place(menu, now)
  }
  document.addEventListener('pointerdown', outside)
  document.addEventListener('scroll', follow, { capture: true, passive: true })
  addEventListener('resize', follow)
  return () => {
    document.removeEventListener('pointerdown', outside)
    document.removeEventListener('scroll', follow, { capture: true })
    removeEventListener('resize', follow)
  }
}

/** Below the button, or above it where there is more room; never beyond the edges. */
function place(list: HTMLElement, button: DOMRect): void {
  const { width, height } = list.getBoundingClientRect()
  const below = innerHeight - button.bottom
  const top = below >= height || below >= button.top ? button.bottom : button.top - height
  const left = Math.min(Math.max(0, button.right - width), innerWidth - width)
  list.style.top = `${Math.max(0, Math.min(top, innerHeight - height))}px`
  list.style.left = `${Math.max(0, left)}px`
}

function move(event: KeyboardEvent, list: HTMLElement | null, shut: () => void): void {
  const items = [...(list?.querySelectorAll('button') ?? [])]
  const here = items.indexOf(document.activeElement as HTMLButtonElement)
  const to: Record<string, number> = {
    ArrowDown: (here + 1) % items.length,
    ArrowUp: (here - 1 + items.length) % items.length,
    Home: 0,
    End: items.length - 1,
  }
  const next = to[event.key]
  if (next !== undefined) {
    event.preventDefault()
    items[next]?.focus()
  } else if (event.key === 'Escape' || event.key === 'Tab') {
    if (event.key === 'Escape') {
      // A dialog around it would close too.
      event.preventDefault()
      event.stopPropagation()
    }
    shut()
  }
}
