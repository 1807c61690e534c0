// What the configuration says of alerts, checked, with every secret read: who can be told, who is told of what, when
// nobody is told, and whose a deployment is.

export interface AlertSettings {
  /** By id of the notifier: its file in notifiers/ and its key under `notify:`. */
  readonly notify: ReadonlyMap<string, NotifierSettings>
  readonly routes: readonly Route[] // the first that matches counts; none at all: everybody is told of everything
  readonly maintenance: readonly MaintenanceWindow[]
  readonly owners: ReadonlyMap<string, Ownership> // by deployment
  readonly heartbeat: { readonly url: string; readonly everyMs: number } | undefined
}

/** What one notifier may be given; each takes what it needs. */
export interface NotifierSettings {
  readonly url?: string | undefined // a secret where the notifier's is (Slack)
  readonly key?: string | undefined // secret
  readonly signingSecret?: string | undefined
  readonly password?: string | undefined
  readonly user?: string | undefined
  readonly to?: readonly string[] | undefined
  readonly from?: string | undefined
  readonly server?: string | undefined // host:port
}

export interface Route {
  readonly match: Readonly<Record<string, string>> // labels that must be equal; none: every alert
  readonly to: readonly string[]
  readonly escalateAfterMs?: number | undefined // then `to` is told one after the other, unless somebody acknowledges
}

export interface MaintenanceWindow {
  readonly deployment?: string | undefined // all when absent
  readonly fromMs: number
  readonly toMs: number
  readonly reason?: string | undefined
}

export interface Ownership {
  readonly team?: string | undefined
  readonly slack?: string | undefined
  readonly oncall?: string | undefined
  readonly insight?: string | undefined // a page that shows its data
  readonly dependents: readonly string[] // pages of what depends on it
}

export const NO_ALERT_SETTINGS: AlertSettings = {
  notify: new Map(),
  routes: [],
  maintenance: [],
  owners: new Map(),
  heartbeat: undefined,
}
