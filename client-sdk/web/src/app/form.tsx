import { CarillonError } from '@carillon/client'
import { type ReactNode, useCallback, useEffect, useRef, useState } from 'react'
import { failure, fieldOf } from '../texts/failure.ts'
import { type Key, useText } from '../texts/language.tsx'
import { Banner } from '../ui/Notice.tsx'

/** Something that a person asks for: whether it is under way, and what went wrong with it. */
export interface Task {
  busy: boolean
  /** What went wrong last; `undefined` if nothing did. */
  error: unknown
  /** Does it, unless something is under way already; tells whether it went well. */
  run: (work: () => Promise<unknown>) => Promise<boolean>
  /** Forgets what went wrong. */
  clear: () => void
}

export function useTask(): Task {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const running = useRef(false)
  const run = useCallback(async (work: () => Promise<unknown>) => {
    if (running.current) return false
    running.current = true
    setBusy(true)
    try {
      await work()
      setError(undefined)
      return true
    } catch (thrown) {
      setError(thrown)
      return false
    } finally {
      running.current = false
      setBusy(false)
    }
  }, [])
  const clear = useCallback(() => setError(undefined), [])
  return { busy, error, run, clear }
}

/** A form's task, with what is wrong at each of its fields. */
export interface FormTask extends Task {
  /** What is wrong with this field, for its `error`. */
  at: (field: string) => string | undefined
  /** What is wrong, and not with one of the fields. */
  rest: string | undefined
}

/** What an error means in one place, where that is more than it says by itself. */
export type Meaning = (error: CarillonError) => { field?: string; key: Key } | undefined

/** The task of a form with these fields. */
export function useForm(fields: readonly string[], meaning?: Meaning): FormTask {
  const t = useText()
  const task = useTask()
  const { error } = task
  const meant = error instanceof CarillonError ? meaning?.(error) : undefined
  const field = meant?.field ?? fieldOf(error)
  const words = meant ? t(meant.key) : error === undefined ? undefined : failure(t, error)
  const here = field !== undefined && fields.includes(field)
  return {
    ...task,
    at: name => (here && name === field ? words : undefined),
    rest: here ? undefined : words,
  }
}

/** Fields with what is wrong: the first wrong one gets the focus, and the rest is brought to sight. */
export function Form({
  task,
  onSubmit,
  id,
  children,
}: {
  task: FormTask
  /** What happens; what it throws is shown. */
  onSubmit: () => Promise<unknown>
  /** For a button that stands elsewhere. */
  id?: string
  children: ReactNode
}) {
  const form = useRef<HTMLFormElement>(null)
  const { error, rest, clear } = task
  useEffect(() => {
    if (error === undefined) return
    const wrong = form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')
    if (wrong) wrong.focus()
    else form.current?.querySelector('[role="alert"]')?.scrollIntoView({ block: 'nearest' })
  }, [error])
  return (
    <form
      ref={form}
      id={id}
      className="form"
      noValidate
      // Whoever mends a field need not read on what was wrong with it.
      onInput={() => error !== undefined && rest === undefined && clear()}
      onSubmit={event => {
        event.preventDefault()
        void task.run(onSubmit)
      }}
    >
      {rest && <Banner tone="danger">{rest}</Banner>}
      {children}
    </form>
  )
}
