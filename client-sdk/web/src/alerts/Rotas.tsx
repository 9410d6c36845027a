import { CalendarClock, Pencil, Plus, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { Confirm } from '../app/Confirm.tsx'
import { Fetched } from '../app/Fetched.tsx'
import { useLoad } from '../app/load.ts'
import { Section } from '../app/Page.tsx'
import { useClient } from '../app/workspace.ts'
import { useLanguage, useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Empty } from '../ui/Notice.tsx'
import { turnWords } from './moments.ts'
import { RotaForm } from './RotaForm.tsx'
import { type Duty, useNames } from './useNames.ts'

type Doing = { what: 'new' } | { what: 'change' | 'remove'; duty: Duty } | undefined

/** Who is on duty, each week: whom policies can call. */
export function Rotas() {
  const t = useText()
  const client = useClient()
  const loaded = useLoad(() => client.call('ding.duty.list', {}), 'duties')
  const [doing, setDoing] = useState<Doing>()
  const done = () => {
    setDoing(undefined)
    loaded.again()
  }
  return (
    <Section title={t('rotas')} hint={t('rotas.hint')}>
      <Fetched loaded={loaded}>
        {({ duties }) =>
          duties.length === 0 ? (
            <Empty icon={<CalendarClock />} title={t('rotas.none')} />
          ) : (
            <ul className="rotas">
              {duties.map(duty => (
                <Rota key={duty.duty} duty={duty} onDo={setDoing} />
              ))}
            </ul>
          )
        }
      </Fetched>
      <div className="form-actions">
        <Button icon={<Plus />} onClick={() => setDoing({ what: 'new' })}>
          {t('rotas.add')}
        </Button>
      </div>
      {doing?.what === 'new' && <RotaForm onDone={done} />}
      {doing?.what === 'change' && <RotaForm duty={doing.duty} onDone={done} />}
      {doing?.what === 'remove' && (
        <Confirm
          title={t('rotas.remove.of', { name: doing.duty.rota.name })}
          action={t('push.remove')}
          onConfirm={() => client.call('ding.duty.remove', { duty: doing.duty.duty })}
          onClose={done}
        >
          <p>{t('rotas.remove.words')}</p>
        </Confirm>
      )}
    </Section>
  )
}

function Rota({ duty, onDo }: { duty: Duty; onDo: (doing: Doing) => void }) {
  const t = useText()
  const language = useLanguage()
  const { rota, now } = duty
  const nameOf = useNames([...rota.turns.map(({ user }) => user), ...(now ? [now] : [])])
  const of = { name: rota.name }
  return (
    <li className="rota">
      <div className="grow">
        <h3>{rota.name}</h3>
        <p>{now ? t('rotas.now', { name: nameOf(now) ?? '…' }) : t('rotas.nobody')}</p>
        <ul className="rota-turns soft">
          {rota.turns.map(({ user, from_min, until_min }) => (
            <li key={`${from_min} ${until_min} ${user}`}>
              <span>{turnWords(language, from_min, until_min)}</span>{' '}
              <bdi>{nameOf(user) ?? '…'}</bdi>
            </li>
          ))}
        </ul>
      </div>
      <div className="form-actions">
        <Button
          icon={<Pencil />}
          aria-label={t('rotas.change.of', of)}
          onClick={() => onDo({ what: 'change', duty })}
        >
          {t('people.change')}
        </Button>
        <Button
          look="danger"
          icon={<Trash2 />}
          aria-label={t('rotas.remove.of', of)}
          onClick={() => onDo({ what: 'remove', duty })}
        >
          {t('push.remove')}
        </Button>
      </div>
    </li>
  )
}
