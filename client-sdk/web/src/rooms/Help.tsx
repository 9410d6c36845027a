import { useText } from '../texts/language.tsx'
import { Dialog } from '../ui/Dialog.tsx'
import { Check } from '../ui/Field.tsx'
import { isMac, setLetters, useLetters } from './keys.ts'

/** What the key for commands is called. */
const COMMAND = isMac ? '⌘' : 'Ctrl'

/** Which keys do what. */
export function Help({ onClose }: { onClose: () => void }) {
  const t = useText()
  const letters = useLetters(choice => choice.letters)
  const keys = [
    [`${COMMAND}+D`, t('rooms.key.microphone')],
    [`${COMMAND}+E`, t('rooms.key.camera')],
    [t('rooms.key.space'), t('rooms.key.talk')],
    ['H', t('rooms.key.hand')],
    ['Esc', t('rooms.key.close')],
    ['?', t('rooms.key.help')],
  ] as const
  return (
    <Dialog title={t('rooms.keys')} onClose={onClose}>
      <dl className="keys">
        {keys.map(([key, does]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <Check
        label={t('rooms.key.letters')}
        checked={letters}
        onChange={event => setLetters(event.target.checked)}
      />
    </Dialog>
  )
}
