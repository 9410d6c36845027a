import { SlidersHorizontal, X } from 'lucide-react'
import { useState } from 'react'
import { useSearchParams } from 'wouter'
import { PersonPicker } from '../people/PersonPicker.tsx'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Field, Select } from '../ui/Field.tsx'
import { type Filter, NAMES } from './filter.ts'
import { KINDS } from './sentences.ts'

/** Which rows are shown. On a phone they are folded away until they are wanted. */
export function Filters({ filter, isFiltered }: { filter: Filter; isFiltered: boolean }) {
  const t = useText()
  const [address, setAddress] = useSearchParams()
  const [open, setOpen] = useState(isFiltered)
  const set = (name: keyof Filter) => (value: string | undefined) => {
    const next = new URLSearchParams(address)
    if (value) next.set(name, value)
    else next.delete(name)
    setAddress(next, { replace: true })
  }
  const clear = () => {
    const next = new URLSearchParams(address)
    for (const name of NAMES) next.delete(name)
    setAddress(next, { replace: true })
  }
  return (
    <search className="audit-filters" data-open={open}>
      <Button
        className="audit-more"
        icon={<SlidersHorizontal />}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        {t('audit.filter')}
      </Button>
      <PersonPicker label={t('audit.who')} value={filter.who} onChange={set('who')} />
      <Select
        label={t('audit.kind')}
        value={filter.kind ?? ''}
        onChange={event => set('kind')(event.target.value)}
      >
        <option value="">{t('audit.kind.any')}</option>
        {Object.entries(KINDS).map(([kind, words]) => (
          <option key={kind} value={kind}>
            {t(words)}
          </option>
        ))}
      </Select>
      <Field
        label={t('audit.from')}
        type="date"
        max={filter.to}
        value={filter.from ?? ''}
        onChange={event => set('from')(event.target.value)}
      />
      <Field
        label={t('audit.to')}
        type="date"
        min={filter.from}
        value={filter.to ?? ''}
        onChange={event => set('to')(event.target.value)}
      />
      {isFiltered && (
        <Button look="quiet" icon={<X />} onClick={clear}>
          {t('audit.clear')}
        </Button>
      )}
    </search>
  )
}
