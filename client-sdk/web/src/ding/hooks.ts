import type { Client } from '@carillon/client'
import { useStore } from 'zustand'
import { useShallow } from 'zustand/react/shallow'
import { useClient, useMe } from '../app/workspace.ts'
import { Alerts, type AlertsState } from './alerts.ts'
import { Answers } from './answers.ts'

/** One for each connection: it hears everything from the beginning, whatever page is shown. */
const MODELS = new WeakMap<Client, Alerts>()

export function useAlerts(): Alerts {
  const client = useClient()
  const { user } = useMe()
  let alerts = MODELS.get(client)
  if (!alerts) {
    alerts = new Alerts(client, new Answers(localStorage, user))
    MODELS.set(client, alerts)
  }
  return alerts
}

export function useAlertsState<T>(select: (state: AlertsState) => T): T {
  return useStore(useAlerts().state, useShallow(select))
}
