import { Search as Glass, X } from 'lucide-react'
import { useRef } from 'react'
import { useText } from '../texts/language.tsx'
import { IconButton } from './Button.tsx'
import './field.css'
import './field.css'
import './search.css'

/** A line that searches while one writes. Escape empties it. */
export function Search({
  label,
  value,
  onChange,
}: {
  label: string
  value: string
  onChange: (value: string) => void
}) {
  const t = useText()
  const input = useRef<HTMLInputElement>(null)
  const clear = () => {
    onChange('')
    input.current?.focus()
  }
  return (
    <div className="search">
      <Glass aria-hidden="true" />
      <input
        ref={input}
        className="input"
        type="text"
        inputMode="search"
        enterKeyHint="search"
        autoComplete="off"
        spellCheck={false}
        aria-label={label}
        placeholder={label}
        value={value}
        onChange={event => onChange(event.target.value)}
        onKeyDown={event => {
          if (event.key === 'Escape' && value && !event.nativeEvent.isComposing) clear()
        }}
      />
      {value && <IconButton label={t('search.clear')} icon={<X />} onClick={clear} />}
    </div>
  )
}
