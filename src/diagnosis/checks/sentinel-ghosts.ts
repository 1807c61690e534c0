// Replicas and Sentinels that Sentinels remember and that are no more, or that they know under an address at which nobody
// can reach them (a container's own). They are counted: as Sentinels for the majority, as replicas for a failover.

import { formatDuration } from '../../lib/units.ts'
import { ANSWERS } from '../../redis/answers.ts'
import type { DeploymentCheck, Fact, Found, Undecided } from '../check.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import { listedBy } from '../readings/replication-links.ts'
import { isDown, listedOnes, numberIn, viewsByName, type View } from '../readings/sentinel-views.ts'

const LONG_MS = 24 * 3_600_000
const DOUBTFUL_MS = 5 * 60_000 // before that it has failed, as far as anybody can tell

export default {
  asks: 'Do Sentinels count on servers that are not there?',

  lookAtAll(evidence) {
    return [...viewsByName(evidence)].flatMap(([name, views]) =>
      (['replicas', 'sentinels'] as const).flatMap((kind) => ghostsOf(kind, { name, views, evidence })),
    )
  },
} satisfies DeploymentCheck

interface Around {
  readonly name: string
  readonly views: readonly View[]
  readonly evidence: Evidence
}

interface Silent {
  readonly id: string
  readonly by: ServerEvidence // a Sentinel that lists it
  readonly record: Readonly<Record<string, string>>
}

function ghostsOf(kind: 'replicas' | 'sentinels', around: Around): (Found | Undecided)[] {
  const { views, evidence } = around
  const answers = new Map(evidence.servers.map((server) => [server.id, server]))
  const all = [...listedOnes(views, kind)]
  const silent = all.flatMap(([id, [first]]): Silent[] => {
    const known = answers.get(id)
    const isThere = known?.asked === true || (known !== undefined && ANSWERS[known.answer.id].alive === true)
    const isReached = isThere && known.address === id // and not under another address than Sentinels know
    return first === undefined || isReached || !isDown(first.record) ? [] : [{ id, ...first }]
  })
  const living = all.length - silent.length + (kind === 'sentinels' ? 1 : 0)
  const wanted = evidence.deployment.expect[kind]
  return silent.flatMap((one): readonly (Found | Undecided)[] => {
    const why = whyGhost(one, { kind, living, wanted, evidence })
    if (why !== undefined) return [found(one, why, { ...around, kind })]
    const isOld = (numberIn(one.record, 's-down-time') ?? 0) >= DOUBTFUL_MS
    return isOld && answers.get(one.id)?.was === undefined ? [undecided(one, kind)] : []
  })
}

interface Asked {
  readonly kind: 'replicas' | 'sentinels'
  readonly living: number
  readonly wanted: number | undefined
  readonly evidence: Evidence
}

/** What shows that it is no server that just failed; undefined where nothing does. */
function whyGhost({ id, record }: Silent, { kind, living, wanted, evidence }: Asked): string | undefined {
  const known = evidence.servers.find((server) => server.id === id)
  const hasFailed = known?.was?.pid !== undefined // it answered us before
  if (hasFailed && known.address === id) return undefined
  if (isFollowing(id, evidence)) return 'its primary counts it as online, and nobody reaches it under this address'
  if (hasFailed) return undefined
  const downMs = numberIn(record, 's-down-time') ?? 0
  if (kind === 'replicas' && record['runid'] === '') return 'no Sentinel that lists it has ever reached it'
  if (downMs >= LONG_MS) return `nobody has reached it for ${formatDuration(downMs)}`
  if (wanted !== undefined && living >= wanted)
    return `the deployment has the ${wanted === 1 ? 'one' : wanted} that it is to have without it`
  return undefined
}

/** Does a primary hear of it under that address, so that it lives somewhere? */
function isFollowing(id: string, { servers }: Evidence): boolean {
  return servers.some((server) => listedBy(server).some((listed) => listed.id === id && listed.state === 'online'))
}

function found(
  { id, by, record }: Silent,
  why: string,
  { name, views, kind, evidence }: Around & { kind: Asked['kind'] },
): Found {
  const isSentinel = kind === 'sentinels'
  const downMs = numberIn(record, 's-down-time')
  const { address = id } = evidence.servers.find((server) => server.id === id) ?? {}
  const isNat = address !== id
  return {
    kind: 'fault',
    severity: 'warning',
    server: id,
    says:
      `Sentinels of ${name} list ${id} as a ${isSentinel ? 'Sentinel' : 'replica'} and reach nobody there: ${why}.` +
      (isSentinel ? ' It counts for the majority that a failover needs.' : ' A failover cannot count on it.') +
      (isNat ? ` It answers at ${address}.` : ''),
    evidence: [
      {
        source: `SENTINEL ${kind.toUpperCase()} ${name} of ${by.id}`,
        name: id,
        value: `flags=${record['flags']}${downMs === undefined ? '' : `, down for ${formatDuration(downMs)}`}`,
      },
      ...views.map(({ sentinel, master }): Fact => ({
        source: `SENTINEL MASTER ${name} of ${sentinel.id}`,
        name: isSentinel ? 'num-other-sentinels' : 'num-slaves',
        value: master.fields[isSentinel ? 'num-other-sentinels' : 'num-slaves'] ?? '',
      })),
    ],
    ruledOut: [{ check: 'process-down', by: why }],
    alerts: ['RedisServerMissing', 'RedisDown', 'RedisDisconnectedSlaves'],
    brings: [
      ...['process-down', 'bind-or-firewall', 'cannot-start'].map((check) => ({ check, on: [id] })),
      { check: 'sentinel-no-quorum', on: 'every server' },
      { check: 'sentinel-no-good-replica', on: 'every server' },
    ],
    actions: isNat
      ? []
      : [
          {
            id: 'reset-sentinel',
            why: 'one Sentinel at a time, 30 s apart: each forgets it and finds the living ones anew',
          },
        ],
  }
}

function undecided({ id, record }: Silent, kind: Asked['kind']): Undecided {
  const downMs = numberIn(record, 's-down-time') ?? 0
  return {
    between: ['process-down', 'sentinel-ghosts', 'bind-or-firewall'],
    server: id,
    says: `Sentinels list ${id} as a ${kind === 'replicas' ? 'replica' : 'Sentinel'} and have not reached it for ${formatDuration(downMs)}: it failed, or it is gone for good.`,
    wouldTell: `whether ${id} is still part of the deployment: \`expect\` in the configuration says how many there are to be`,
  }
}
