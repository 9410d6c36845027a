/** The meeting that the person is in, whatever page is shown. Loaded with the app, so it is small. */

import { create } from 'zustand'
import type { Meeting } from './meeting.ts'

export const useNow = create<{ meeting: Meeting | undefined }>(() => ({ meeting: undefined }))
