import { useText } from '../texts/language.tsx'
import { Dialog } from '../ui/Dialog.tsx'

/** What the key for commands is called. */
const COMMAND = /Mac|iPhone|iPad/.test(navigator.userAgent) ? '⌘' : 'Ctrl'

/** Which keys do what. */
export function Help({ onClose }: { onClose: () => void }) {
  const t = useText()
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
    </Dialog>
  )
}
