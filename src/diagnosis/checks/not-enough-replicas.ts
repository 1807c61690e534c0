// A primary that refuses writes, because fewer replicas than it was told to ask for are in good order. PING is answered
// and reads work, so that a simple watch sees nothing.

import type { Fact, ServerCheck } from '../check.ts'
import { infoFact, infoNumber, infoPart, infoRate, infoText, setting, settingNumber } from '../readings/reading.ts'
import { listedBy } from '../readings/replication-links.ts'

export default {
  asks: 'Does this primary refuse writes because it has too few good replicas?',

  look(server) {
    if (infoText(server, 'role') !== 'master') return undefined
    const good = infoNumber(server, 'min_slaves_good_slaves') // said only when replicas are asked for
    const wanted = settingNumber(server, 'min-replicas-to-write') ?? settingNumber(server, 'min-slaves-to-write')
    const refused = infoPart(server, 'errorstat_NOREPLICAS', 'count') ?? 0
    const refusing = (infoRate(server, 'errorstat_NOREPLICAS', 'count') ?? 0) > 0 || server.answer.id === 'noreplicas'
    if (good === undefined || (wanted === undefined ? !refusing : good >= wanted)) return undefined
    const maxLag = setting(server, 'min-replicas-max-lag') ?? setting(server, 'min-slaves-max-lag')
    const listed = listedBy(server)
    return {
      kind: 'fault',
      severity: 'critical',
      says: `${server.id} refuses all writes (NOREPLICAS): ${wanted === undefined ? 'it wants more' : `it wants ${wanted}`} good ${wanted === 1 ? 'replica' : 'replicas'} and has ${good}${listed.length > good ? `, of ${listed.length} that are attached` : ''}. Reads are served.`,
      evidence: [
        infoFact(server, 'replication', 'min_slaves_good_slaves'),
        ...(wanted === undefined
          ? []
          : [{ source: 'CONFIG GET', name: 'min-replicas-to-write', value: String(wanted) }]),
        { source: 'INFO errorstats', name: 'errorstat_NOREPLICAS', value: `${refused} writes refused since the start` },
        ...listed.map(({ id, state, ackAgeSeconds }): Fact => ({
          source: 'INFO replication',
          name: `replica ${id}`,
          value: `${state}, heard of ${ackAgeSeconds} s ago${maxLag === undefined ? '' : ` (at most ${maxLag} s counts)`}`,
        })),
      ],
      ruledOut: [
        { check: 'maxmemory-reached', by: 'the refusal is about replicas, whatever memory is left' },
        { check: 'write-to-replica', by: 'it is the primary' },
      ],
      alerts: ['WritesRefused', 'RedisDeploymentDiffers'],
      actions: [
        { id: 'reattach-replica', why: 'writes go on by themselves as soon as enough replicas follow' },
        {
          id: 'relax-min-replicas',
          why: 'only when writes must go on before that: it takes away the guard against two primaries',
        },
      ],
    }
  },
} satisfies ServerCheck
