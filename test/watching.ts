// A fleet watched in the test's own process, and waiting for what it knows. Ends with its test.

import type { TestContext } from 'node:test'
import { until } from '../lab/until.ts'
import type { Fleet, ServerView } from '../src/fleet/server.ts'
import type { ExpectedServers } from '../src/fleet/standing.ts'
import type { DeploymentOptions } from '../src/fleet/watch-deployment.ts'
import { watchFleet } from '../src/fleet/watch-fleet.ts'
import { systemClock, type Clock } from '../src/lib/clock.ts'
import { silentLog, type Log } from '../src/lib/log.ts'
import { parseUrl } from '../src/redis/url.ts'

export interface WatchOptions extends Partial<DeploymentOptions> {
  readonly expected?: ExpectedServers // remembered topology; nothing when absent
  readonly clock?: Clock
  readonly log?: Log
}

/** What the configuration would say of the deployment behind a URL. Asked four times a second, to be quick. */
export function deploymentOf(url: string, changes: Partial<DeploymentOptions> = {}): DeploymentOptions {
  const target = parseUrl(url)
  const defaults = {
    name: 'orders',
    access: target.access,
    every: { livenessMs: 250 },
    addresses: new Map(),
    expect: {},
  }
  return { ...defaults, target, ...changes }
}

export function watchUrl(
  t: TestContext,
  url: string,
  { expected = rememberedTopology(), clock = systemClock, log = silentLog, ...changes }: WatchOptions = {},
): Fleet {
  const fleet = watchFleet({ deployments: [deploymentOf(url, changes)], expected, clock, log })
  t.after(() => fleet.stop())
  return fleet
}

/** The expected topology in memory; handed to a second fleet, it is what a restart remembers. */
export function rememberedTopology(): ExpectedServers {
  const known = new Map<string, { id: string; role: ServerView['role'] }>()
  return {
    list: () => [...known.values()],
    put: (_deployment, id, role) => void known.set(id, { id, role }),
    remove: (_deployment, id) => void known.delete(id),
  }
}

/** One line for each server: `primary 127.0.0.1:6379 ok expected`. */
export function linesOf(fleet: Fleet): string[] {
  return fleet
    .deployments()
    .flatMap(({ servers }) => servers.map(({ role, id, answer, standing }) => `${role} ${id} ${answer.id} ${standing}`))
    .toSorted()
}

/** Waits until the fleet is known to be exactly this; says what it was instead. */
export async function untilFleet(fleet: Fleet, lines: readonly string[], timeoutMs = 60_000): Promise<void> {
  const wanted = lines.toSorted().join('\n')
  await until(`the fleet is\n${wanted}\n`, () => linesOf(fleet).join('\n') === wanted, { timeoutMs }).catch((error) => {
    const problems = fleet
      .deployments()
      .flatMap((each) => [...each.problems, ...each.couldNotLook.map((one) => one.why)])
    throw new Error(`${String(error)}\nit is\n${linesOf(fleet).join('\n')}\n${problems.join('\n')}`)
  })
}

export function viewIn(fleet: Fleet, id: string): ServerView | undefined {
  return fleet.servers().find(({ view }) => view.id === id)?.view
}
