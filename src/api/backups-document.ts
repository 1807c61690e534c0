// What lies in a store, as programs read it: the catalogue of an archive in the words of the contract.

import type { DeploymentArchive, StoredBase, Timeline } from '../archive/catalog.ts'
import { holesOf } from '../archive/holes.ts'
import { reachesOf } from '../archive/reach.ts'
import type { BackupsDocument } from './contract.ts'

type DeploymentBackups = BackupsDocument['deployments'][number]
type TimelineBackups = DeploymentBackups['shards'][number]['timelines'][number]

export function backupsDocument(store: string, archives: readonly DeploymentArchive[]): BackupsDocument {
  return { store, deployments: archives.map(deploymentBackups) }
}

function deploymentBackups(archive: DeploymentArchive): DeploymentBackups {
  return {
    name: archive.name,
    kind: archive.about?.kind ?? null,
    shards: archive.shards.map(({ name, timelines }) => ({
      name,
      slots: timelines.flatMap(({ bases }) => bases).findLast(({ slots }) => slots !== undefined)?.slots ?? null,
      timelines: timelines.map(timelineBackups),
    })),
    points: archive.points.map(({ name, at, shards, command, keysLost }) => ({
      name,
      at,
      offset: shards[0]?.offset ?? 0,
      command,
      keysLost,
      shards: shards.map(({ shard, timeline, offset }) => ({ shard, timeline, offset })),
    })),
    restorable: restorableOf(archive),
    objects: archive.objects,
    storedBytes: archive.storedBytes,
    unfinished: [...archive.unfinished],
    trouble: archive.trouble.map(({ key, why }) => ({ key, why })),
  }
}

function timelineBackups(timeline: Timeline): TimelineBackups {
  const { id, about, bases, stretches } = timeline
  return {
    id,
    why: about?.why ?? null,
    parent: about?.parent ?? null,
    bases: bases.map(baseBackup),
    stream: stretches.map(({ from, to, fromTime, toTime }) => ({
      fromOffset: from,
      toOffset: to,
      fromTime: showTime(fromTime),
      toTime: showTime(toTime),
    })),
    gaps: holesOf(timeline),
  }
}

function baseBackup(base: StoredBase): TimelineBackups['bases'][number] {
  const { id, at, offset, rdb, keys, expires, method, consistent, complete, source, serverVersion, flavour } = base
  return {
    id,
    at,
    offset,
    bytes: rdb.bytes,
    storedBytes: rdb.storedBytes + (base.increment?.storedBytes ?? 0) + (base.server?.storedBytes ?? 0),
    keys,
    expires,
    method,
    consistent,
    complete,
    source,
    serverVersion,
    flavour,
    namespaces: base.namespaces.map((namespace) => ({ ...namespace })),
    verifiedAt: base.verifiedAt ?? null,
    provenAt: base.provenAt ?? null,
  }
}

/** From the first base to the end of the stream; of several shards what all of them have. */
function restorableOf({ shards }: DeploymentArchive): DeploymentBackups['restorable'] {
  const ranges = shards.map((shard) => {
    const reaches = reachesOf(shard)
    return {
      from: Math.min(...reaches.map(({ fromTime }) => fromTime)),
      to: Math.max(...reaches.map(({ toTime }) => toTime)),
    }
  })
  const from = Math.max(...ranges.map((range) => range.from))
  const to = Math.min(...ranges.map((range) => range.to))
  return Number.isFinite(from) && Number.isFinite(to) && from <= to ? { from: showTime(from), to: showTime(to) } : null
}

function showTime(at: number): string {
  return new Date(at).toISOString()
}
