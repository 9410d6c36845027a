import { ArrowLeft } from 'lucide-react'
import { type ReactNode, useEffect, useRef } from 'react'
import { Link } from 'wouter'
import { useText } from '../texts/language.tsx'
import './page.css'
import { cameFromElsewhere, useTitle } from './title.ts'

export interface PageProps {
  title: string
  /** What one can do with the page as a whole. */
  actions?: ReactNode
  /** The page above this one. */
  back?: string
  /** The same where only a phone has a page of its own for it. */
  phoneBack?: string
  /** `text`: as wide as lines are read well; `columns`: two of them; `wide`: all the room. */
  width?: 'text' | 'columns' | 'wide'
  /** It takes the place of another page at the same address, whose button had the focus. */
  replaces?: boolean
  children: ReactNode
}

/** A page with its heading, which is what a screen reader hears first after a change of pages. */
export function Page(props: PageProps) {
  const { title, actions, back, phoneBack, width = 'text', replaces = false, children } = props
  const t = useText()
  useTitle(title)
  const heading = useFocusOnArrival(replaces)
  const above = back ?? phoneBack
  return (
    <div className={`page page-${width}`}>
      <header className="page-head">
        {above && (
          <Link
            to={above}
            className={back ? 'page-back' : 'page-back page-back-phone'}
            aria-label={t('back')}
            title={t('back')}
          >
            <ArrowLeft aria-hidden="true" />
          </Link>
        )}
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {actions && <div className="page-actions">{actions}</div>}
      </header>
      {children}
    </div>
  )
}

/** Moves the focus to the heading when the page appears, not when the app is opened on it. */
function useFocusOnArrival(replaces: boolean) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    if (replaces || cameFromElsewhere()) heading.current?.focus()
  }, [replaces])
  return heading
}

/** A part of a page, under a heading of its own. */
export function Section({
  title,
  hint,
  children,
}: {
  title: string
  hint?: ReactNode
  children: ReactNode
}) {
  return (
    <section className="section">
      <h2>{title}</h2>
      {hint && <p className="section-hint">{hint}</p>}
      {children}
    </section>
  )
}
