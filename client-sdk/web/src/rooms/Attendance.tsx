import type { Meeting } from './meeting.ts'
import { Sounds } from './Sounds.tsx'
import { useAwake } from './useAwake.ts'
import { useBell } from './useBell.ts'

/** What being in a meeting does, whatever page is shown. */
export function Attendance({ meeting }: { meeting: Meeting }) {
  useBell()
  useAwake()
  return <Sounds meeting={meeting} />
}
