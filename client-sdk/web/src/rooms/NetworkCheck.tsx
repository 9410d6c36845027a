import { Wifi } from 'lucide-react'
import { useCallback } from 'react'
import { useLoad } from '../app/load.ts'
import { type Text, useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Spinner } from '../ui/Spinner.tsx'

/** So often the way is measured; the shortest counts, the others waited for something. */
const ROUNDS = 4
/** Up to here a conversation feels as in one room. */
const GOOD_MS = 150
/** From here on people talk at the same time. */
const SLOW_MS = 300

/** How long the way to the server and back takes, by asking it something. */
export function NetworkCheck({ ask }: { ask: () => Promise<unknown> }) {
  const t = useText()
  const measure = useCallback(async () => {
    let shortest = Number.POSITIVE_INFINITY
    for (let round = 0; round < ROUNDS; round += 1) {
      const from = performance.now()
      await ask()
      shortest = Math.min(shortest, performance.now() - from)
    }
    return Math.max(1, Math.round(shortest))
  }, [ask])
  const loaded = useLoad(measure, 'network')
  return (
    <p className="meet-network" role="status">
      {loaded.state === 'loading' ? <Spinner /> : <Wifi aria-hidden="true" />}
      <span>
        {loaded.state === 'loading' && t('rooms.network.checking')}
        {loaded.state === 'failed' && t('error.network')}
        {loaded.state === 'there' && words(t, loaded.value)}
      </span>
      {loaded.state === 'failed' && (
        <Button look="quiet" onClick={loaded.again}>
          {t('retry')}
        </Button>
      )}
    </p>
  )
}

function words(t: Text, ms: number): string {
  if (ms <= GOOD_MS) return t('rooms.network.good', { ms })
  return ms < SLOW_MS ? t('rooms.network.fair', { ms }) : t('rooms.network.slow', { ms })
}
