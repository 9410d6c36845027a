/** The meeting that the person is in, whatever page is shown. Loaded with the app, so it is small. */

import { create } from 'zustand'
import { useSession } from '../app/session.ts'
import type { Meeting } from './meeting.ts'

export const useNow = create<{ meeting: Meeting | undefined }>(() => ({ meeting: undefined }))

// Whoever signs out has left.
useSession.subscribe(({ state }) => {
  const { meeting } = useNow.getState()
  if (state === 'in' || !meeting) return
  useNow.setState({ meeting: undefined })
  void meeting.leave()
})
