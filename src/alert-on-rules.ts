// Puts rules/ between the samples and the alerts: rules read the history, write into it what they record, and hand every
// alert on. What a server answers, or a link that breaks, is evaluated at once.

import type { Alerts } from './alerts/alerts.ts'
import type { Fleet } from './fleet/server.ts'
import type { Clock } from './lib/clock.ts'
import type { Notices } from './lib/notices.ts'
import type { History } from './metrics/history.ts'
import { historyOutput, historyStorage } from './rules/history-storage.ts'
import type { RuleAlert } from './rules/rule-alert.ts'
import type { RuleSet } from './rules/rule-set.ts'
import { startRules, type Rules } from './rules/start-rules.ts'
import type { State } from './state/open-state.ts'

export interface AlertOnRulesOptions {
  readonly rules: RuleSet
  readonly history: History
  readonly alerts: Alerts
  readonly fleet: Fleet
  readonly state: State
  readonly clock: Clock
  readonly notices: Notices
  readonly externalUrl: () => string
  readonly onAlerts: (alerts: readonly RuleAlert[]) => void // told before anybody else is
}

export function alertOnRules({
  rules: set,
  history,
  alerts,
  fleet,
  state,
  clock,
  notices,
  externalUrl,
  onAlerts,
}: AlertOnRulesOptions): Rules {
  const rules = startRules({
    groups: set.groups,
    storage: historyStorage(history),
    openOutput: (key) => historyOutput(history, key),
    states: state.alertStates,
    clock,
    externalUrl,
    onAlerts(all) {
      onAlerts(all)
      for (const alert of all) alerts.take(alert)
    },
    onError: (says) => notices.tell('error', says),
  })
  fleet.onChange(() => rules.reevaluateNow())
  return rules
}
