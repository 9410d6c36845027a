import type { Card, CardButton, CardFact, CardItem, CardValue, UserId } from '@carillon/client'
import { Ban, CircleCheck, Hourglass, TimerOff } from 'lucide-react'
import { memo, useState } from 'react'
import { Link } from 'wouter'
import { Confirm } from '../app/Confirm.tsx'
import { useTask } from '../app/form.tsx'
import { linkAddress, webAddress } from '../model/address.ts'
import { failure } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Banner } from '../ui/Notice.tsx'
import { meant } from './answers.ts'
import { CardForm } from './CardForm.tsx'
import { Markdown } from './Markdown.tsx'
import { beginsWith } from './markdown.ts'
import { Picture } from './Picture.tsx'

/** Tells the card's owner that somebody acts. */
export type Act = (act: string, values: Record<string, CardValue>) => Promise<void>

/** Where in the app a button leads; nowhere, if its owner is to be told. */
export type Inside = (button: CardButton) => string | undefined

/** What somebody is asked before it is done. */
interface Asked {
  readonly button: CardButton
  readonly values: Record<string, CardValue>
}

/** A card: what it says, how far it is, and what can be done with it now. */
export const CardView = memo(function CardView({
  card,
  me,
  act,
  inside,
}: {
  card: Card
  me: UserId
  act: Act
  /** Where in the app a button leads, instead of telling the card's owner. */
  inside?: Inside | undefined
}) {
  const t = useText()
  const [asked, setAsked] = useState<Asked>()
  /** The card that was acted on last: once it says something else, that is the answer. */
  const [actedOn, setActedOn] = useState<Card>()
  const isOpen = (card.state ?? 'open') === 'open'
  const done = async ({ button, values }: Asked) => {
    try {
      await act(button.act ?? '', values)
    } catch (error) {
      throw meant(error)
    }
    setActedOn(card)
  }
  const wanted = async (want: Asked) => (want.button.confirm ? setAsked(want) : done(want))
  return (
    <section className={`card card-${card.tone ?? 'plain'}`} aria-label={card.title}>
      {card.image && <Picture url={webAddress(card.image)} alt="" raw={card.image} />}
      {!isTitled(card) && <Title title={card.title} url={card.url} />}
      {card.text && <Markdown text={card.text} me={me} />}
      <Facts facts={card.fields ?? []} me={me} />
      <Items items={card.items ?? []} me={me} />
      <State card={card} />
      {isOpen && card.form && <CardForm form={card.form} onSubmit={values => submitted(values)} />}
      <Buttons buttons={card.buttons ?? []} isOpen={isOpen} inside={inside} onPress={wanted} />
      <p role="status" className="card-note">
        {isOpen && actedOn === card && t('card.acted')}
      </p>
      {asked && (
        <Confirm
          title={asked.button.label}
          action={asked.button.label}
          look={asked.button.style === 'danger' ? 'danger' : 'primary'}
          onConfirm={() => done(asked)}
          onClose={() => setAsked(undefined)}
        >
          <p>{asked.button.confirm}</p>
        </Confirm>
      )}
    </section>
  )

  async function submitted(values: Record<string, CardValue>) {
    if (card.form) await wanted({ button: card.form.submit, values })
  }
})

/** Whether the text says the title itself; one that leads somewhere is needed for that. */
function isTitled({ title, url, text }: Card): boolean {
  if (title === undefined || text === undefined || url !== undefined) return false
  return beginsWith(text, title)
}

function Title({ title, url }: { title: string | undefined; url: string | undefined }) {
  const href = url && linkAddress(url)
  if (title === undefined) return null
  return (
    <p className="card-title" dir="auto">
      {href ? (
        <a href={href} target="_blank" rel="noopener noreferrer">
          {title}
        </a>
      ) : (
        title
      )}
    </p>
  )
}

function Facts({ facts, me }: { facts: readonly CardFact[]; me: UserId }) {
  if (facts.length === 0) return null
  return (
    <dl className="card-facts">
      {facts.map(({ label, value, short }, number) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: facts have no other name
        <div key={number} className={short ? 'card-fact card-short' : 'card-fact'}>
          <dt dir="auto">{label}</dt>
          <dd>
            <Markdown text={value} me={me} />
          </dd>
        </div>
      ))}
    </dl>
  )
}

function Items({ items, me }: { items: readonly CardItem[]; me: UserId }) {
  if (items.length === 0) return null
  return (
    <ul className="card-items">
      {items.map(({ title, text, image, url }, number) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: items have no other name
        <li key={number}>
          <div className="card-item-words">
            <Title title={title} url={url} />
            {text && <Markdown text={text} me={me} />}
          </div>
          {image && <Picture url={webAddress(image)} alt="" raw={image} />}
        </li>
      ))}
    </ul>
  )
}

/** How far it is, in words and not by colour alone. */
function State({ card }: { card: Card }) {
  const t = useText()
  const { state = 'open', note } = card
  const words = {
    open: undefined,
    waiting: { icon: <Hourglass aria-hidden="true" />, text: t('card.waiting') },
    done: { icon: <CircleCheck aria-hidden="true" />, text: t('card.done') },
    refused: { icon: <Ban aria-hidden="true" />, text: t('card.refused') },
    expired: { icon: <TimerOff aria-hidden="true" />, text: t('card.expired') },
  }[state]
  if (!words && note === undefined) return null
  return (
    <p className={`card-state card-is-${state}`}>
      {words?.icon}
      {words && <span>{words.text}</span>}
      {note !== undefined && <bdi>{note}</bdi>}
    </p>
  )
}

/** Links always lead somewhere; the rest can be pressed while the card is open. */
function Buttons({
  buttons,
  isOpen,
  inside,
  onPress,
}: {
  buttons: readonly CardButton[]
  isOpen: boolean
  inside: Inside | undefined
  onPress: (want: Asked) => Promise<void>
}) {
  const t = useText()
  const task = useTask()
  const [pressed, setPressed] = useState<string>()
  const shown = buttons.filter(button => button.url !== undefined || isOpen)
  if (shown.length === 0) return null
  const press = (button: CardButton) => {
    setPressed(button.act)
    void task.run(() => onPress({ button, values: {} }))
  }
  return (
    <>
      {task.error !== undefined && <Banner tone="danger">{failure(t, task.error)}</Banner>}
      <div className="card-buttons">
        {shown.map(button => {
          const to = inside?.(button)
          if (to !== undefined) {
            return (
              <Link
                key={button.act}
                to={to}
                className={`button button-${button.style ?? 'primary'}`}
              >
                <bdi>{button.label}</bdi>
              </Link>
            )
          }
          return button.url === undefined ? (
            <Button
              key={button.act}
              look={button.style ?? 'plain'}
              busy={task.busy && pressed === button.act}
              disabled={task.busy}
              onClick={() => press(button)}
            >
              <bdi>{button.label}</bdi>
            </Button>
          ) : (
            <LinkButton key={`${button.label} ${button.url}`} button={button} />
          )
        })}
      </div>
    </>
  )
}

function LinkButton({ button }: { button: CardButton }) {
  const href = linkAddress(button.url ?? '')
  if (!href) return null
  const look = button.style ?? 'plain'
  return (
    <a
      className={`button button-${look}`}
      href={href}
      target="_blank"
      rel="noopener noreferrer"
      title={href}
    >
      <bdi>{button.label}</bdi>
    </a>
  )
}
