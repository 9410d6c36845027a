import type { ReactNode } from 'react'
import { failure } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Banner } from '../ui/Notice.tsx'
import { Skeleton } from '../ui/Spinner.tsx'
import type { Loaded } from './load.ts'

/** What was fetched, or that it is on its way, or why it is not there. */
export function Fetched<T>({
  loaded,
  children,
}: {
  loaded: Loaded<T>
  children: (value: T) => ReactNode
}) {
  if (loaded.state === 'loading') return <Skeleton />
  if (loaded.state === 'there') return children(loaded.value)
  return <Failed error={loaded.error} again={loaded.again} />
}

/** Why something is not there, and the way to try again. */
export function Failed({ error, again }: { error: unknown; again: () => void }) {
  const t = useText()
  return (
    <Banner tone="danger" action={<Button onClick={again}>{t('retry')}</Button>}>
      {failure(t, error)}
    </Banner>
  )
}
