import type { ConvRulesChange } from '@carillon/client'
import { useState } from 'react'
import { Fetched } from '../app/Fetched.tsx'
import { FormDialog } from '../app/FormDialog.tsx'
import { useForm } from '../app/form.tsx'
import { useLoad } from '../app/load.ts'
import { useClient } from '../app/workspace.ts'
import type { Conversation } from '../model/conversation.ts'
import { useText } from '../texts/language.tsx'
import { RulesFields } from './RulesFields.tsx'

/** Who may call everybody of a group. */
export default function GroupRules({ conv, onClose }: { conv: Conversation; onClose: () => void }) {
  const t = useText()
  const client = useClient()
  const task = useForm([])
  const limit = useLoad(() => client.call('conv.limits.get', {}), 'limits')
  // Only what is changed here is sent: what the organisation limits stays as the group had it.
  const [rules, setRules] = useState<ConvRulesChange>({})
  const save = async () => {
    await client.call('conv.rules.set', { conv: conv.id, rules })
    onClose()
  }
  return (
    <FormDialog
      title={t('chat.rules')}
      action={t('save')}
      task={task}
      onSubmit={save}
      onClose={onClose}
    >
      <Fetched loaded={limit}>
        {limit => (
          <RulesFields
            rules={{ ...conv.rules, ...rules }}
            limit={limit}
            onChange={change => setRules({ ...rules, ...change })}
          />
        )}
      </Fetched>
    </FormDialog>
  )
}
