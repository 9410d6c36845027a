import { EllipsisVertical, Pencil, Plus, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { Confirm } from '../app/Confirm.tsx'
import { Section } from '../app/Page.tsx'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { CopyLink } from '../ui/CopyLink.tsx'
import { Menu } from '../ui/Menu.tsx'
import { Banner } from '../ui/Notice.tsx'
import { ProviderForm } from './ProviderForm.tsx'
import { type Provider, VENDORS, type Vendor } from './providers.ts'
import type { SaveWays, Ways } from './Ways.tsx'

type Doing = { what: 'add' } | { what: 'change' | 'remove'; provider: Provider } | undefined

/** The accounts with those who carry text messages and calls. */
export function Providers({ ways, onSave }: { ways: Ways; onSave: SaveWays }) {
  const t = useText()
  const [doing, setDoing] = useState<Doing>()
  const close = () => setDoing(undefined)
  const { providers = [], sms, call } = ways.settings
  const rest = Object.keys(VENDORS).filter(
    vendor => !providers.some(provider => provider.vendor === vendor),
  ) as Vendor[]
  const carries = ({ vendor }: Provider) =>
    [vendor === sms && t('policy.channel.sms'), vendor === call && t('policy.channel.call')]
      .filter(Boolean)
      .join(' · ')
  return (
    <Section title={t('ways.providers')} hint={t('ways.providers.hint')}>
      {ways.public_url === undefined && <Banner tone="attention">{t('ways.noUrl')}</Banner>}
      <ul className="rotas">
        {providers.map(provider => (
          <li key={provider.vendor} className="rota">
            <div className="grow">
              <h3>{VENDORS[provider.vendor]}</h3>
              <p className="soft">{carries(provider) || t('ways.unused')}</p>
            </div>
            <Menu
              label={t('ways.more', { name: VENDORS[provider.vendor] })}
              icon={<EllipsisVertical />}
              items={[
                {
                  label: t('people.change'),
                  icon: <Pencil />,
                  onSelect: () => setDoing({ what: 'change', provider }),
                },
                {
                  label: t('push.remove'),
                  icon: <Trash2 />,
                  danger: true,
                  onSelect: () => setDoing({ what: 'remove', provider }),
                },
              ]}
            />
            <Callback ways={ways} vendor={provider.vendor} />
          </li>
        ))}
      </ul>
      {rest.length > 0 && ways.public_url !== undefined && (
        <div className="form-actions">
          <Button icon={<Plus />} onClick={() => setDoing({ what: 'add' })}>
            {t('ways.add')}
          </Button>
        </div>
      )}
      {(doing?.what === 'add' || doing?.what === 'change') && (
        <ProviderForm
          settings={ways.settings}
          vendors={rest}
          {...(doing.what === 'change' && { provider: doing.provider })}
          onSave={onSave}
          onClose={close}
        />
      )}
      {doing?.what === 'remove' && (
        <Confirm
          title={t('ways.remove.of', { name: VENDORS[doing.provider.vendor] })}
          action={t('push.remove')}
          onConfirm={() => onSave(without(ways.settings, doing.provider.vendor))}
          onClose={close}
        >
          <p>{t('ways.remove.words')}</p>
        </Confirm>
      )}
    </Section>
  )
}

/** What has to be written at the vendor, so that it reports what became of messages. */
function Callback({ ways, vendor }: { ways: Ways; vendor: Vendor }) {
  const t = useText()
  const callback = ways.callbacks.find(one => one.vendor === vendor)
  if (!callback) return null
  return (
    <div className="way-callback">
      <CopyLink label={t('ways.callback')} link={callback.url} />
    </div>
  )
}

/** The settings without this account, and without what it carried. */
function without({ providers = [], sms, call }: Ways['settings'], vendor: Vendor) {
  return {
    providers: providers.filter(provider => provider.vendor !== vendor),
    ...(sms === vendor && { sms: undefined }),
    ...(call === vendor && { call: undefined }),
  }
}
