import { LIMITS } from '@carillon/client'
import { X } from 'lucide-react'
import { useChatsState } from '../model/hooks.ts'
import { useText } from '../texts/language.tsx'
import { IconButton } from '../ui/Button.tsx'
import { Select } from '../ui/Field.tsx'

/** The groups that it is posted to. */
export function PlacesFields(props: {
  convs: readonly string[]
  error: string | undefined
  onChange: (convs: string[]) => void
}) {
  const { convs, error, onChange } = props
  const t = useText()
  const { byId, order } = useChatsState(({ byId, order }) => ({ byId, order }))
  const title = (conv: string) => byId.get(conv)?.title ?? t('schedules.place.unknown')
  const others = order.filter(id => byId.get(id)?.kind === 'group' && !convs.includes(id))
  const mayAdd = others.length > 0 && convs.length < LIMITS.SCHEDULE_PLACES_MAX
  return (
    <fieldset className="choice">
      <legend>{t('schedules.places')}</legend>
      <ul className="robots">
        {convs.map(conv => (
          <li key={conv} className="robot">
            <bdi className="robot-name">{title(conv)}</bdi>
            {convs.length > 1 && (
              <IconButton
                icon={<X />}
                label={t('schedules.place.remove', { title: title(conv) })}
                onClick={() => onChange(convs.filter(it => it !== conv))}
              />
            )}
          </li>
        ))}
      </ul>
      {(mayAdd || error) && (
        <Select
          label={t('schedules.place.add')}
          hint={t('schedules.place.hint')}
          error={error}
          value=""
          onChange={event => onChange([...convs, event.target.value])}
        >
          <option value="" disabled>
            {t('schedules.place.choose')}
          </option>
          {others.map(id => (
            <option key={id} value={id}>
              {byId.get(id)?.title}
            </option>
          ))}
        </Select>
      )}
    </fieldset>
  )
}
