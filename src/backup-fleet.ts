// `respite backup`: one base of every shard of a deployment now.

import type { MethodChoice } from './archive/base-method.ts'
import { keysOf } from './archive/keys.ts'
import { hasBase, readCatalog } from './archive/catalog.ts'
import { scanContents } from './archive/base-contents.ts'
import { introduceArchive, type BaseManifest } from './archive/documents.ts'
import { lookBeforeFirstBase, preflight, type Check } from './archive/preflight.ts'
import { openStorage } from './archive/store/storage.ts'
import { takeBackup } from './archive/take-backup.ts'
import type { BackupSettings } from './archive-fleet.ts'
import { DeploymentServers } from './deployment-servers.ts'
import type { Fleet } from './fleet/server.ts'
import type { Clock } from './lib/clock.ts'
import { Fault } from './lib/fault.ts'
import type { Log } from './lib/log.ts'
import { chooseSource } from './replication/choose-source.ts'

export interface BackupFleetOptions {
  readonly fleet: Fleet
  readonly deployment: string
  readonly backup: Omit<BackupSettings, 'everyMs' | 'keep'>
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
  readonly method: MethodChoice
  readonly keysPerSecond: number // of the method `scan`
  onNotice(says: string): void
  onProgress(shard: string, bytes: number, ofBytes: number | undefined): void
}

/** Resolves when all bases are in the store. Throws a Fault when one could not be taken; those before it stay. */
export async function backupFleet(options: BackupFleetOptions): Promise<BaseManifest[]> {
  const { fleet, deployment, backup, clock, log, signal, method, keysPerSecond, onNotice, onProgress } = options
  const { recipients, attach, namespaces } = backup
  const store = await openStorage(backup.to, { clock, credentialsFile: backup.credentialsFile })
  try {
    const servers = new DeploymentServers(fleet, deployment)
    await servers.settle()
    const keys = keysOf(deployment)
    await store.check() // makes the folder of a new store, too
    await introduceArchive({ store, deployment, kind: servers.kind, clock }, keys)
    const [known] = await readCatalog(store, deployment)
    for (const shard of known?.shards ?? []) servers.rememberShard(shard)
    const [unreached] = servers.unreached()
    if (unreached !== undefined) throw nobody(deployment, `of ${unreached}`)
    if (known?.shards.some(hasBase) !== true) {
      const looked = {
        store,
        recipients,
        servers: servers.toCheck(attach),
        method,
        isStreamWanted: false,
        clock,
        signal,
      }
      await lookBeforeFirstBase(looked, onNotice)
    }
    const bases: BaseManifest[] = []
    for (const { name, servers: candidates } of servers.shards()) {
      const chosen = chooseSource(candidates, attach, undefined)
      const server = candidates.find((each) => each === chosen)
      if (server === undefined) throw nobody(deployment, name)
      bases.push(
        await takeBackup({
          store,
          keys,
          deployment,
          recipients,
          clock,
          log,
          signal,
          server,
          shard: name,
          known: known?.shards.find((shard) => shard.name === name),
          method,
          keysPerSecond,
          makeScan: () => scanContents({ target: server.id, namespaces, isSealed: recipients.length > 0 }),
          context: () => servers.contextOf(server),
          reach: (path) => servers.reach(server, path),
          onNotice,
          why: 'asked',
          onProgress: (bytes, ofBytes) => onProgress(name, bytes, ofBytes),
        }),
      )
    }
    return bases
  } finally {
    store.close()
  }
}

/** Looks whether it would work, and changes nothing: `respite backup --check`. */
export async function checkBackup(options: BackupFleetOptions): Promise<Check[]> {
  const { fleet, deployment, backup, clock, signal, method } = options
  const { recipients, attach } = backup
  const store = await openStorage(backup.to, { clock, credentialsFile: backup.credentialsFile })
  try {
    const servers = new DeploymentServers(fleet, deployment)
    await servers.settle()
    const looked = { store, recipients, servers: servers.toCheck(attach), method, isStreamWanted: true, clock, signal }
    const says = `no server of its shard can be read now${attach === 'primary' ? ' as --attach primary wants it' : ''}`
    const hint = 'respite doctor says what is wrong with it, and what to do first'
    const silent = servers
      .unreadable(attach)
      .map((of): Check => ({ check: 'server', state: 'problem', of, says, hint }))
    return [...silent, ...(await preflight(looked))]
  } finally {
    store.close()
  }
}

function nobody(deployment: string, shard: string): Fault {
  return new Fault({
    doing: 'taking a base of',
    target: shard === '0' ? deployment : `${deployment}, shard ${shard}`,
    why: 'none of its servers can be followed now',
    hint: 'respite doctor says what is wrong with each, and what to do first',
  })
}
