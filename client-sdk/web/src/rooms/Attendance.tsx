import type { Meeting } from './meeting.ts'
import { Sounds } from './Sounds.tsx'
import { useAwake } from './useAwake.ts'
import { useBell } from './useBell.ts'

/** What being in a meeting does, whatever page is shown. */
export function Attendance({
  meeting,
  isSeen,
}: {
  meeting: Meeting
  /** Whether the meeting itself is shown, which then needs no word of its own. */
  isSeen: boolean
}) {
  useBell(isSeen)
  useAwake()
  return <Sounds meeting={meeting} />
}
