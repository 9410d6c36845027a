import type { Reply } from '@carillon/client'
import { useState } from 'react'
import { useTask } from '../app/form.tsx'
import { failure } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'
import { Banner } from '../ui/Notice.tsx'
import { Spinner } from '../ui/Spinner.tsx'
import './demo.css'

type Demo = NonNullable<Reply<'session.methods'>['demo']>

/** The people of the demo company: a click on one is enough. */
export function DemoPeople({
  demo,
  onChoose,
}: {
  demo: Demo
  onChoose: (login: string) => Promise<void>
}) {
  const t = useText()
  const task = useTask()
  const [chosen, setChosen] = useState('')
  return (
    <section className="form">
      <p className="soft">{t('signin.demo')}</p>
      {task.error !== undefined && <Banner tone="danger">{failure(t, task.error)}</Banner>}
      <ul className="demo">
        {demo.people.map(({ login, name, title }) => (
          <li key={login}>
            <button
              type="button"
              className="demo-person"
              aria-busy={(task.busy && login === chosen) || undefined}
              disabled={task.busy}
              onClick={() => {
                setChosen(login)
                void task.run(() => onChoose(login))
              }}
            >
              <Avatar id={login} name={name} />
              <span className="demo-words">
                <span className="demo-name">{name}</span>
                {title && <span className="soft">{title}</span>}
              </span>
              {task.busy && login === chosen && <Spinner />}
            </button>
          </li>
        ))}
      </ul>
    </section>
  )
}
