// The archive of whatever is found behind a URL, as the daemon keeps it: through the fleet, with its replicas, shards and
// failovers. Ends with its test.

import { rmSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { makeFolder } from '../lab/children.ts'
import { archiveFleet, type FleetArchive, type ShardReport } from '../src/archive-fleet.ts'
import { openStorage, type Store } from '../src/archive/store/storage.ts'
import { NOTHING_EXPECTED } from '../src/fleet/standing.ts'
import { watchFleet } from '../src/fleet/watch-fleet.ts'
import { systemClock } from '../src/lib/clock.ts'
import { silentLog } from '../src/lib/log.ts'
import { parseUrl, type Access } from '../src/redis/url.ts'
import { DEPLOYMENT } from './archiving.ts'

/** An archive of a deployment that a fleet has found. */
export interface ArchivedUrl {
  readonly url: string // of the store
  readonly store: Store
  readonly kept: FleetArchive
  report(shard?: string): ShardReport | undefined
}

/** Archives what is found behind a URL, as the daemon does. */
export async function archiveUrl(t: TestContext, url: string, access: Access = {}): Promise<ArchivedUrl> {
  const folders = [makeFolder('archive'), makeFolder('data')]
  const target = parseUrl(url)
  const every = { livenessMs: 500 }
  const deployment = { name: DEPLOYMENT, target, access, sentinelAccess: {}, every, addresses: new Map(), expect: {} }
  const fleet = watchFleet({
    deployments: [deployment],
    expected: NOTHING_EXPECTED,
    clock: systemClock,
    log: silentLog,
  })
  const store = await openStorage(`file://${folders[0]}`, { clock: systemClock })
  const kept = await archiveFleet({
    fleet,
    deployment: DEPLOYMENT,
    backup: {
      to: `file://${folders[0]}`,
      recipients: [],
      identities: [],
      attach: 'replica',
      everyMs: 3_600_000,
      namespaces: [],
    },
    dataDir: folders[1] ?? '',
    clock: systemClock,
    log: silentLog,
    signal: new AbortController().signal,
    onEvent: () => undefined,
  })
  t.after(async () => {
    await kept.stop(5_000)
    fleet.stop()
    store.close()
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })
  return {
    url: `file://${folders[0]}`,
    store,
    kept,
    report: (shard = '0') => kept.status().find((each) => each.shard === shard),
  }
}
