import { PERMISSIONS, type Permission, type Role } from '@carillon/client'
import { useChanges } from '../app/changes.ts'
import { type Loaded, useLoad } from '../app/load.ts'
import { useClient } from '../app/workspace.ts'
import type { Key, Text } from '../texts/language.tsx'

/** What a permission is called, and what it allows. */
export const PERMISSION_TEXTS: Record<Permission, { name: Key; hint: Key }> = {
  people: { name: 'permission.people', hint: 'permission.people.hint' },
  departments: { name: 'permission.departments', hint: 'permission.departments.hint' },
  roles: { name: 'permission.roles', hint: 'permission.roles.hint' },
  organisation: { name: 'permission.organisation', hint: 'permission.organisation.hint' },
  sessions: { name: 'permission.sessions', hint: 'permission.sessions.hint' },
}

/** What a role is called: the one that is always there in the person's language. */
export function roleName(t: Text, { administrator, name }: Role): string {
  return administrator ? t('role.administrator') : name
}

/** The permissions of a role that this version knows, in the order in which they are shown. */
export function permissionsOf({ permissions }: Role): Permission[] {
  return PERMISSIONS.filter(permission => permissions.includes(permission))
}

const CHANGES = [
  'org.role_changed',
  'org.member_added',
  'org.member_updated',
  'org.member_left',
  'org.member_returned',
] as const

/** The roles, now and after every change; how many people have them too. */
export function useLoadedRoles(): Loaded<{ roles: Role[] }> {
  const client = useClient()
  const loaded = useLoad(() => client.call('org.role.list', {}), 'roles')
  useChanges(CHANGES, loaded.again)
  return loaded
}

/** The roles for a list to choose from: none until they are there. */
export function useRoles(): readonly Role[] {
  const loaded = useLoadedRoles()
  return loaded.state === 'there' ? loaded.value.roles : NONE
}

const NONE: readonly Role[] = []
