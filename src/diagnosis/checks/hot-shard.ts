// One shard of a Cluster does the work of all: more nodes are no help while one key, or one group of keys, is where all of
// the load goes.

import { formatCount } from '../../lib/units.ts'
import type { DeploymentCheck } from '../check.ts'
import { hasVote, viewsOf } from '../readings/cluster-views.ts'
import type { ServerEvidence } from '../evidence.ts'
import { infoRate } from '../readings/reading.ts'

const TIMES = 2 // of the median
const LEAST_COMMANDS = 500 // a second: below that nobody feels it
const BUSY_SHARE = 0.7 // of one core

export default {
  asks: 'Does one shard of the Cluster do most of the work?',

  lookAtAll(evidence) {
    const shards = viewsOf(evidence)
      .filter(({ me }) => hasVote(me))
      .map(({ node, me }) => ({ node, slots: me.slots, commands: infoRate(node, 'total_commands_processed') ?? 0 }))
      .toSorted((a, b) => a.commands - b.commands)
    const hot = shards.at(-1)
    const median = shards[Math.floor((shards.length - 1) / 2)]
    if (hot === undefined || median === undefined || shards.length < 3) return []
    if (hot.commands < LEAST_COMMANDS || hot.commands < TIMES * median.commands) return []
    const cpu = busyShare(hot.node)
    return [
      {
        kind: 'risk',
        severity: cpu !== undefined && cpu >= BUSY_SHARE ? 'warning' : 'info',
        server: hot.node.id,
        says: `${hot.node.id} does ${formatCount(hot.commands)} commands a second and the shard in the middle ${formatCount(median.commands)}, with ${hot.slots} and ${median.slots} slots${cpu === undefined ? '' : `; its main thread uses ${Math.round(cpu * 100)} % of a core`}.`,
        first:
          'Look which keys are asked most (redis-cli --hotkeys needs an LFU policy); spread such a key over several, or move slots away: redis-cli --cluster rebalance.',
        evidence: shards.map(({ node, commands, slots }) => ({
          source: `INFO stats of ${node.id}, twice`,
          name: 'commands a second',
          value: `${formatCount(commands)} on ${slots} slots`,
        })),
        ruledOut: [{ check: 'cpu-saturated', by: 'the load is on one shard, and the others have room' }],
        alerts: ['RedisCpuHigh', 'RedisCommandsHigh'],
        brings: [{ check: 'cpu-saturated', on: [hot.node.id] }],
        actions: [],
      },
    ]
  },
} satisfies DeploymentCheck

function busyShare(node: ServerEvidence): number | undefined {
  const user = infoRate(node, 'used_cpu_user_main_thread')
  return user === undefined ? undefined : user + (infoRate(node, 'used_cpu_sys_main_thread') ?? 0)
}
