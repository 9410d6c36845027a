import { Select } from '../ui/Field.tsx'

/** A time zone, of those that the browser knows. */
export function TimeZones({
  label,
  hint,
  error,
  value,
  onChange,
}: {
  label: string
  hint?: string
  error?: string | undefined
  value: string
  onChange: (tz: string) => void
}) {
  const known = Intl.supportedValuesOf('timeZone')
  // UTC and old names are not in the list, and a choice that is not shown would look changed.
  const zones = known.includes(value) ? known : [value, ...known]
  return (
    <Select
      label={label}
      hint={hint}
      error={error}
      value={value}
      onChange={event => onChange(event.target.value)}
    >
      {zones.map(zone => (
        <option key={zone} value={zone}>
          {zone.replaceAll('_', ' ')}
        </option>
      ))}
    </Select>
  )
}
