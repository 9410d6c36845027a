import type { Meaning } from '../app/form.tsx'

/** What is wrong with an alert that the server refuses, at the part of the form that it concerns. */
export const meaning: Meaning = ({ code, field = '' }) => {
  if (field === 'at' || field === 'repeat') return { field: 'at', key: 'ding.wrong.at' }
  if (field === 'policy' || field === 'urgent') return { field: 'policy', key: 'ding.wrong.policy' }
  const isGroup = field.startsWith('to.convs') || field === 'to.unread_of'
  if (code === 'E_FORBIDDEN') {
    return { field: 'to', key: isGroup ? 'wrong.dingAll' : 'ding.wrong.reach' }
  }
  if (code === 'E_QUOTA') return { key: 'ding.wrong.quota' }
  const isAudience = field === 'to' || field.startsWith('to.')
  if (isAudience && code === 'E_BAD_ARG') return { field: 'to', key: 'ding.wrong.nobody' }
  return undefined
}
