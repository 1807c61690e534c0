// Puts alerts/ together with the fleet: what servers are to each other, how each answers in the words of the screen, who
// can be told. Goes on with a new configuration without forgetting what was told.

import { isDeepStrictEqual } from 'node:util'
import { Alerts } from './alerts/alerts.ts'
import type { Causes } from './alerts/cause.ts'
import { startHeartbeat, type Heartbeat } from './alerts/heartbeat.ts'
import type { Topology } from './alerts/inhibition.ts'
import type { Subject } from './alerts/notice.ts'
import { openNotifiers, type Sender } from './alerts/notifier.ts'
import type { AlertSettings } from './alerts/settings.ts'
import type { Fleet, ServerView } from './fleet/server.ts'
import type { Clock } from './lib/clock.ts'
import { reasonOf } from './lib/fault.ts'
import type { Notices } from './lib/notices.ts'
import { ANSWERS } from './redis/answers.ts'
import type { State } from './state/open-state.ts'

export interface AlertingOptions {
  readonly settings: AlertSettings
  readonly senders: ReadonlyMap<string, Sender> // opened from the settings
  readonly fleet: Fleet
  readonly state: State
  readonly externalUrl: () => string
  readonly causes?: Causes | undefined // why alerts fire
  readonly unwell: () => string | undefined // why alerts would not come now; holds back the heartbeat
  readonly clock: Clock
  readonly notices: Notices
}

export interface RunningAlerts {
  readonly alerts: Alerts
  reconfigure(settings: AlertSettings): void
  stop(): Promise<void>
}

export function startAlerts({ settings, ...options }: AlertingOptions): RunningAlerts {
  const { fleet, clock, notices } = options
  const known = knownServers(fleet, clock)
  const alerts = new Alerts({
    ...options,
    settings,
    topology: topologyOf(known),
    subjectOf: ({ deployment, instance }) => subjectOf(known(deployment ?? '').get(instance ?? '')),
  })
  const beat = (now: AlertSettings): Heartbeat | undefined =>
    now.heartbeat === undefined ? undefined : startHeartbeat({ ...options, settings: now.heartbeat })
  let heartbeat = beat(settings)
  let inForce = settings
  const take = async (next: AlertSettings): Promise<void> => {
    alerts.reconfigure(next, await openNotifiers(next.notify))
    if (!isDeepStrictEqual(next.heartbeat, inForce.heartbeat)) {
      heartbeat?.stop()
      heartbeat = beat(next)
    }
    inForce = next
  }
  return {
    alerts,
    reconfigure(next) {
      take(next).catch((error: unknown) => notices.tell('error', `kept the old notifiers: ${reasonOf(error)}`))
    },
    async stop() {
      heartbeat?.stop()
      await alerts.stop()
    },
  }
}

type KnownServers = (deployment: string) => ReadonlyMap<string, ServerView>

const FRESH_MS = 500

/** The servers of a deployment by id, looked up once for all alerts of a moment. */
function knownServers(fleet: Fleet, clock: Clock): KnownServers {
  const none: ReadonlyMap<string, ServerView> = new Map()
  let byDeployment = new Map<string, Map<string, ServerView>>()
  let lookedAt = Number.NEGATIVE_INFINITY
  fleet.onChange(() => void (lookedAt = Number.NEGATIVE_INFINITY))
  return (deployment) => {
    if (clock.monotonic() - lookedAt > FRESH_MS) {
      const servers = Map.groupBy(fleet.servers(), ({ view }) => view.deployment)
      byDeployment = new Map(
        [...servers].map(([name, all]) => [name, new Map(all.map(({ view }) => [view.id, view] as const))]),
      )
      lookedAt = clock.monotonic()
    }
    return byDeployment.get(deployment) ?? none
  }
}

function topologyOf(known: KnownServers): Topology {
  return {
    hostOf(deployment, server) {
      const address = known(deployment).get(server)?.address
      if (address === undefined) return undefined
      return address.host ?? 'localhost' // a unix socket is on this machine
    },
    linkedWith(deployment, server) {
      const servers = known(deployment)
      const primary = servers.get(server)?.primary
      const replicas = [...servers.values()].filter((view) => view.primary === server).map(({ id }) => id)
      return primary === undefined ? replicas : [primary, ...replicas]
    },
    // A server that answers was asked when its version is known.
    isKnown: (deployment) =>
      [...known(deployment).values()].every(({ answer, version }) =>
        answer.id === 'ok' ? version !== undefined : answer.id !== 'unasked',
      ),
  }
}

function subjectOf(view: ServerView | undefined): Subject | undefined {
  if (view === undefined) return undefined
  const { says, means, first } = ANSWERS[view.answer.id]
  return { id: view.id, role: view.role, says, means, first }
}
