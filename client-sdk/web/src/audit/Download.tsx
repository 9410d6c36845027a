import type { Args, AuditRow } from '@carillon/client'
import { Download as Icon } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { download } from '../app/download.ts'
import { Failed } from '../app/Fetched.tsx'
import { useClient } from '../app/workspace.ts'
import { useChats } from '../model/hooks.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Dialog } from '../ui/Dialog.tsx'
import { collect } from './collect.ts'
import { type Naming, peopleIn } from './names.ts'
import { sentence, whoWords } from './sentences.ts'
import { csvOf } from './table.ts'

/** Keeps what the filter shows as a table. */
export function Download({ args, naming }: { args: Args<'audit.list'>; naming: Naming }) {
  const t = useText()
  const [open, setOpen] = useState(false)
  return (
    <>
      <Button icon={<Icon />} onClick={() => setOpen(true)}>
        {t('audit.download')}
      </Button>
      {open && <Progress args={args} naming={naming} onClose={() => setOpen(false)} />}
    </>
  )
}

type State =
  | { is: 'reading'; rows: number }
  | { is: 'done'; rows: number; more: boolean }
  | { is: 'failed'; error: unknown }

function Progress({
  args,
  naming,
  onClose,
}: {
  args: Args<'audit.list'>
  naming: Naming
  onClose: () => void
}) {
  const t = useText()
  const [state, begin] = useDownload(args, naming)
  return (
    <Dialog
      title={t('audit.download.title')}
      onClose={onClose}
      actions={<Button onClick={onClose}>{t(state.is === 'reading' ? 'cancel' : 'close')}</Button>}
    >
      {state.is === 'failed' && <Failed error={state.error} again={begin} />}
      <p role="status">
        {state.is === 'reading' && t('audit.download.reading', { rows: state.rows })}
        {state.is === 'done' && state.more && t('audit.download.cut', { rows: state.rows })}
        {state.is === 'done' && !state.more && t('audit.download.done', { count: state.rows })}
      </p>
    </Dialog>
  )
}

/** Reads the rows and keeps them as a file; what is not there when it ends is not kept. */
function useDownload(args: Args<'audit.list'>, naming: Naming): [State, () => void] {
  const t = useText()
  const client = useClient()
  const { people } = useChats()
  const [state, setState] = useState<State>({ is: 'reading', rows: 0 })
  const [turn, setTurn] = useState(0)
  // A colleague's new name must not begin it anew.
  const latest = useRef({ args, naming, t })
  useEffect(() => {
    latest.current = { args, naming, t }
  }, [args, naming, t])
  // biome-ignore lint/correctness/useExhaustiveDependencies: every turn is a new beginning
  useEffect(() => {
    const stop = new AbortController()
    const keep = async () => {
      const told = (rows: number) => setState({ is: 'reading', rows })
      const { rows, more } = await collect(client, latest.current.args, told, stop.signal)
      await people.have(peopleIn(rows))
      if (stop.signal.aborted) return
      const { naming, t } = latest.current
      // A file is kept: what has no name in it is at least told apart.
      const names = naming(people.known.getState().values(), id => id)
      const words = ({ what }: AuditRow) => {
        return { person: whoWords(t, what, names), sentence: sentence(t, what, names) }
      }
      const day = new Date().toISOString().slice(0, 10)
      download(`audit-${day}.csv`, 'text/csv', csvOf(rows, words))
      setState({ is: 'done', rows: rows.length, more })
    }
    setState({ is: 'reading', rows: 0 })
    keep().catch(error => stop.signal.aborted || setState({ is: 'failed', error }))
    return () => stop.abort()
  }, [client, people, turn])
  return [state, () => setTurn(turn => turn + 1)]
}
