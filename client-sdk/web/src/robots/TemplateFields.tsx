import {
  type BotDigestOffered,
  type BotDigestSection,
  type BotDigestShow,
  type BotDigestSpan,
  type BotDigestTemplate,
  LIMITS,
} from '@carillon/client'
import { ArrowDown, ArrowUp, Plus, Trash2 } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
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
  /** What is wrong with the text above. */
  introError: string | undefined
  onChange: (template: BotDigestTemplate) => void
}) {
  const { template, facts, introError, onChange } = props
  const { sections } = template
  const t = useText()
  // Parts have no names: each is given a number when it comes, so that fields keep their focus.
  const keys = useRef({ next: sections.length, of: sections.map((_, nth) => nth) })
  const charts = sections.filter(({ show }) => show === 'chart').length
  const { list, place, status } = usePlace()
  const put = (next: BotDigestSection[]) => onChange({ ...template, sections: next })
  const write = (intro: string) =>
    onChange({ ...(intro.trim() !== '' && { intro }), sections: template.sections })
  const swap = (nth: number, other: number) => {
    const next = [...sections]
    const [one, two] = [sections[nth], sections[other]]
    if (!one || !two) return
    next[nth] = two
    next[other] = one
    const of = keys.current.of
    ;[of[nth], of[other]] = [of[other] ?? other, of[nth] ?? nth]
    put(next)
    place(other, t('digest.moved', { number: other + 1, count: sections.length }))
  }
  const remove = (nth: number) => {
    keys.current.of.splice(nth, 1)
    put(sections.filter((_, other) => other !== nth))
    const count = sections.length - 1
    place(Math.min(nth, count - 1), t('digest.removed', { number: nth + 1, count }))
  }
  const add = () => {
    keys.current.of.push(keys.current.next++)
    const unused = facts.find(({ fact }) => sections.every(part => part.fact !== fact))
    put([...sections, partOf((unused ?? facts[0])?.fact ?? 'chat.messages')])
    place(sections.length, t('digest.added', { number: sections.length + 1 }))
  }
  return (
    <div className="template">
      <TextArea
        label={t('digest.intro')}
        hint={t('digest.intro.hint')}
        rows={2}
        maxLength={LIMITS.DIGEST_INTRO_LEN_MAX}
        value={template.intro ?? ''}
        error={introError}
        onChange={event => write(event.target.value)}
      />
      {status}
      <ol ref={list} className="template-parts">
        {sections.map((part, nth) => (
          <PartFields
            key={keys.current.of[nth]}
            nth={nth}
            part={part}
            facts={facts}
            mayChart={part.show === 'chart' || charts < LIMITS.DIGEST_CHARTS_MAX}
            onChange={next => put(sections.map((it, other) => (other === nth ? next : it)))}
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

/** A button that moves or goes takes the focus along: it is given to the part that it was about. */
function usePlace() {
  const list = useRef<HTMLOListElement>(null)
  const [told, setTold] = useState<{ nth: number; words: string }>()
  useEffect(() => {
    if (told) list.current?.querySelectorAll<HTMLElement>('.template-head h3')[told.nth]?.focus()
  }, [told])
  const place = (nth: number, words: string) => setTold({ nth, words })
  const status = (
    <p className="visually-hidden" role="status">
      {told?.words}
    </p>
  )
  return { list, place, status }
}

function PartFields(props: {
  nth: number
  part: BotDigestSection
  facts: readonly BotDigestOffered[]
  /** Whether there is room for its picture. */
  mayChart: boolean
  onChange: (part: BotDigestSection) => void
  onUp?: () => void
  onDown?: () => void
  onRemove?: () => void
}) {
  const { nth, part, facts, mayChart, onChange, onUp, onDown, onRemove } = props
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
  const shows = showsOf(part.fact)
  const noChart = !mayChart && shows.includes('chart')
  const number = nth + 1
  return (
    <li className="template-part">
      <div className="template-head">
        <h3 tabIndex={-1}>{t('digest.part', { number })}</h3>
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
          {...(noChart && { hint: t('digest.charts.most') })}
          value={part.show}
          onChange={event => onChange({ ...part, show: event.target.value as BotDigestShow })}
        >
          {shows.map(show => (
            <option key={show} value={show} disabled={noChart && show === 'chart'}>
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
