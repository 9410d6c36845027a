import {
  type BotDigestOffered,
  type BotDigestSection,
  type BotDigestShow,
  type BotDigestSpan,
  type BotDigestTemplate,
  LIMITS,
} from '@carillon/client'
import { ArrowDown, ArrowUp, Plus, Trash2 } from 'lucide-react'
import { useRef } from 'react'
import { useText } from '../texts/language.tsx'
import { Button, IconButton } from '../ui/Button.tsx'
import { Field, Select, TextArea } from '../ui/Field.tsx'
import { FACTS, partOf, SHOWS, SPANS, showsOf } from './facts.ts'

/** Nothing but the messages, to begin with. */
export const FIRST: BotDigestTemplate = { sections: [partOf('chat.messages')] }

/** A digest of one's own: a text above, and facts by name. */
export function TemplateFields(props: {
  template: BotDigestTemplate
  facts: readonly BotDigestOffered[]
  onChange: (template: BotDigestTemplate) => void
}) {
  const { template, facts, onChange } = props
  const { sections } = template
  const t = useText()
  // Parts have no names: each is given a number when it comes, so that fields keep their focus.
  const keys = useRef({ next: sections.length, of: sections.map((_, nth) => nth) })
  const put = (next: BotDigestSection[]) => onChange({ ...template, sections: next })
  const write = (intro: string) =>
    onChange({ ...(intro !== '' && { intro }), sections: template.sections })
  const swap = (nth: number, other: number) => {
    const next = [...sections]
    const [one, two] = [sections[nth], sections[other]]
    if (!one || !two) return
    next[nth] = two
    next[other] = one
    const of = keys.current.of
    ;[of[nth], of[other]] = [of[other] ?? other, of[nth] ?? nth]
    put(next)
  }
  const remove = (nth: number) => {
    keys.current.of.splice(nth, 1)
    put(sections.filter((_, place) => place !== nth))
  }
  const add = () => {
    keys.current.of.push(keys.current.next++)
    const unused = facts.find(({ fact }) => sections.every(part => part.fact !== fact))
    put([...sections, partOf((unused ?? facts[0])?.fact ?? 'chat.messages')])
  }
  return (
    <div className="template">
      <TextArea
        label={t('digest.intro')}
        hint={t('digest.intro.hint')}
        rows={2}
        maxLength={LIMITS.DIGEST_INTRO_LEN_MAX}
        value={template.intro ?? ''}
        onChange={event => write(event.target.value)}
      />
      <ol className="template-parts">
        {sections.map((part, nth) => (
          <PartFields
            key={keys.current.of[nth]}
            nth={nth}
            part={part}
            facts={facts}
            onChange={next => put(sections.map((it, place) => (place === nth ? next : it)))}
            {...(nth > 0 && { onUp: () => swap(nth, nth - 1) })}
            {...(nth + 1 < sections.length && { onDown: () => swap(nth, nth + 1) })}
            {...(sections.length > 1 && { onRemove: () => remove(nth) })}
          />
        ))}
      </ol>
      {sections.length < LIMITS.DIGEST_SECTIONS_MAX && (
        <Button icon={<Plus />} onClick={add}>
          {t('digest.part.add')}
        </Button>
      )}
    </div>
  )
}

function PartFields(props: {
  nth: number
  part: BotDigestSection
  facts: readonly BotDigestOffered[]
  onChange: (part: BotDigestSection) => void
  onUp?: () => void
  onDown?: () => void
  onRemove?: () => void
}) {
  const { nth, part, facts, onChange, onUp, onDown, onRemove } = props
  const t = useText()
  const told = FACTS[part.fact]
  const offered = facts.find(({ fact }) => fact === part.fact)
  const name = (fact: string) => {
    const words = FACTS[fact]
    return words ? t(words.name) : fact
  }
  const choose = (fact: string) => {
    const shows = showsOf(fact)
    const show = shows.includes(part.show) ? part.show : (shows[0] ?? 'number')
    onChange({ ...part, fact, show })
  }
  const number = nth + 1
  return (
    <li className="template-part">
      <div className="template-head">
        <h3>{t('digest.part', { number })}</h3>
        {onUp && (
          <IconButton icon={<ArrowUp />} label={t('digest.up', { number })} onClick={onUp} />
        )}
        {onDown && (
          <IconButton icon={<ArrowDown />} label={t('digest.down', { number })} onClick={onDown} />
        )}
        {onRemove && (
          <IconButton
            icon={<Trash2 />}
            label={t('digest.part.remove', { number })}
            onClick={onRemove}
          />
        )}
      </div>
      <Select
        label={t('digest.fact')}
        hint={told ? t(told.what) : offered?.doc}
        error={facts.length > 0 && !offered ? t('digest.fact.wrong') : undefined}
        value={part.fact}
        onChange={event => choose(event.target.value)}
      >
        {!offered && <option value={part.fact}>{name(part.fact)}</option>}
        {facts.map(({ fact }) => (
          <option key={fact} value={fact}>
            {name(fact)}
          </option>
        ))}
      </Select>
      <div className="template-choices">
        <Select
          label={t('digest.period')}
          value={part.period}
          onChange={event => onChange({ ...part, period: event.target.value as BotDigestSpan })}
        >
          {(Object.keys(SPANS) as BotDigestSpan[]).map(span => (
            <option key={span} value={span}>
              {t(SPANS[span])}
            </option>
          ))}
        </Select>
        <Select
          label={t('digest.show')}
          value={part.show}
          onChange={event => onChange({ ...part, show: event.target.value as BotDigestShow })}
        >
          {showsOf(part.fact).map(show => (
            <option key={show} value={show}>
              {t(SHOWS[show])}
            </option>
          ))}
        </Select>
      </div>
      <Field
        label={t('digest.name')}
        placeholder={name(part.fact)}
        maxLength={LIMITS.CARD_TITLE_LEN_MAX}
        value={part.title ?? ''}
        onChange={event => {
          const { title: _, ...rest } = part
          const title = event.target.value
          onChange(title.trim() === '' ? rest : { ...rest, title })
        }}
      />
    </li>
  )
}
