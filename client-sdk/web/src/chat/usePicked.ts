import { LIMITS, type OrgMember, type UserId } from '@carillon/client'
import { useState } from 'react'

/** People who are being chosen; each once, and not more than one call may name. */
export function usePicked() {
  const [picked, setPicked] = useState<readonly OrgMember[]>([])
  const drop = (user: UserId) => setPicked(now => now.filter(person => person.user !== user))
  const toggle = (person: OrgMember) => {
    if (picked.some(({ user }) => user === person.user)) drop(person.user)
    else if (picked.length < LIMITS.USERS_PER_CALL_MAX) setPicked([...picked, person])
  }
  return { picked, drop, toggle, full: picked.length >= LIMITS.USERS_PER_CALL_MAX }
}
