// What several Sentinels say of the same primary, side by side: each has its own view, and where they differ is a finding
// by itself.

import type { Fact } from '../check.ts'
import type { Evidence, SentinelMasterSeen, ServerEvidence } from '../evidence.ts'

type SentinelRecord = Readonly<Record<string, string>>

/** One Sentinel's view of one primary. */
export interface View {
  readonly sentinel: ServerEvidence
  readonly master: SentinelMasterSeen
}

/** The views of this deployment's primary, by the name that Sentinels give it. */
export function viewsByName(evidence: Evidence): ReadonlyMap<string, readonly View[]> {
  const ids = new Set(evidence.servers.map(({ id }) => id))
  const views = evidence.servers.flatMap((sentinel) =>
    (sentinel.sentinel ?? []).map((master): View => ({ sentinel, master })),
  )
  // A Sentinel may watch other deployments too: theirs are of servers that were not looked at.
  const ours = views.filter(({ master }) => [master.fields, ...master.replicas].some((one) => ids.has(idOf(one))))
  return Map.groupBy(ours, ({ master }) => master.name)
}

/** `host:port` of what a Sentinel lists. */
export function idOf(record: SentinelRecord): string {
  return `${record['ip']}:${record['port']}`
}

/** Does the Sentinel reach it no more? */
export function isDown(record: SentinelRecord): boolean {
  return /[so]_down|disconnected/.test(record['flags'] ?? '')
}

/** Does any Sentinel take the primary for down? */
export function isPrimaryDown(views: readonly View[]): boolean {
  return views.some(({ master }) => /[so]_down/.test(master.fields['flags'] ?? ''))
}

/** Is a failover going on at this moment? */
export function isFailingOver(views: readonly View[]): boolean {
  return views.some(({ master }) => (master.fields['flags'] ?? '').includes('failover_in_progress'))
}

/** A field of SENTINEL MASTER, REPLICAS or SENTINELS as a number. */
export function numberIn(record: SentinelRecord, field: string): number | undefined {
  const text = record[field]
  return text === undefined || text === '' || Number.isNaN(Number(text)) ? undefined : Number(text)
}

/** Everybody else whom Sentinels list, each with who lists it. */
export function listedOnes(
  views: readonly View[],
  kind: 'replicas' | 'sentinels',
): ReadonlyMap<string, readonly { readonly by: ServerEvidence; readonly record: SentinelRecord }[]> {
  const all = views.flatMap(({ sentinel, master }) => master[kind].map((record) => ({ by: sentinel, record })))
  return Map.groupBy(all, ({ record }) => idOf(record))
}

/** A field of what a Sentinel says, as a fact. */
export function viewFact({ sentinel, master }: View, field: string): Fact {
  return { source: `SENTINEL MASTER ${master.name} of ${sentinel.id}`, name: field, value: master.fields[field] ?? '' }
}
