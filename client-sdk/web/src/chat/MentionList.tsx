import { EVERYBODY } from '../model/mention.ts'
import { useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'
import type { Mentioning } from './useMentioning.ts'

/** Who can be mentioned; the focus stays in the text. */
export function MentionList({
  mentioning,
  onPick,
}: {
  mentioning: Mentioning
  onPick: (name: string, user: string) => void
}) {
  const t = useText()
  const { id, open, people, chosen } = mentioning
  return (
    <>
      <p className="visually-hidden" role="status">
        {open && t('chat.mention.found', { count: people.length })}
      </p>
      {open && (
        <div id={id} className="mention-list" role="listbox" aria-label={t('chat.mention')}>
          {people.map(({ user, name, login }, index) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the text
            <div
              key={user}
              id={`${id}-${index}`}
              className={user === EVERYBODY ? 'mention-option mention-everybody' : 'mention-option'}
              role="option"
              tabIndex={-1}
              aria-selected={index === chosen}
              onPointerDown={event => event.preventDefault()}
              onPointerMove={() => mentioning.choose(index)}
              onClick={() => onPick(name, user)}
            >
              <Avatar id={user} name={name} size="s" />
              <bdi>{name}</bdi>
              <span className="soft">{login}</span>
            </div>
          ))}
        </div>
      )}
    </>
  )
}
