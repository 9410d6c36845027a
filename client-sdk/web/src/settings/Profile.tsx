import { Link } from 'wouter'
import { Section } from '../app/Page.tsx'
import { useMay, useMe } from '../app/workspace.ts'
import { useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'

/** The person's own card: as colleagues see them, and who can change it. */
export function Profile() {
  const t = useText()
  const me = useMe()
  const mayChange = useMay('people')
  return (
    <Section title={t('settings.profile')}>
      <div className="row">
        <Avatar id={me.user} name={me.name} size="l" />
        <div className="grow">
          <p className="profile-name">{me.name}</p>
          {me.title && <p>{me.title}</p>}
          <p className="soft">{t('people.login', { login: me.login })}</p>
        </div>
      </div>
      {mayChange ? (
        <p className="soft">
          <Link to={`/admin/people/${me.user}`}>{t('settings.profile.change')}</Link>
        </p>
      ) : (
        <p className="soft">{t('settings.profile.who')}</p>
      )}
    </Section>
  )
}
