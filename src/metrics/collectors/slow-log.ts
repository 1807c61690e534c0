// The slow log: how long it is, its last entry, and every entry followed by its id. Only when an id is new is more than
// the last entry asked for.

import type { Reply } from '../../redis/connection.ts'
import type { Collector } from '../collector.ts'
import { counter, gauge, seriesOf } from '../series.ts'
import { parseSlowLog } from '../slow-log.ts'

const length = seriesOf(gauge('redis_slowlog_length', 'Entries in the slow log.'))
const lastId = seriesOf(gauge('redis_slowlog_last_id', 'Id of the last entry of the slow log.'))
const lastSeconds = seriesOf(gauge('redis_last_slow_execution_duration_seconds', 'Seconds of the last slow command.'))
const missed = seriesOf(
  counter('respite_slowlog_missed_total', 'Slow commands that the log dropped before they were read.'),
)
const slowCommands = seriesOf(
  counter('respite_slow_commands_total', 'Slow commands since the first look; SLOWLOG RESET takes nothing away.'),
)

const MOST = 128
const EXTRA = 8 // what may be added between the two questions

export default {
  asks: 'The slow log, followed by id.',
  on: 'server',
  start() {
    let durationUs = 0
    let countedId: number | undefined // -1: the log was empty, whatever its next id is
    let slow = 0
    return async ({ ask, slowLog }, out) => {
      const [count, reply] = await Promise.all([ask('SLOWLOG', 'LEN'), ask('SLOWLOG', 'GET', '1')])
      const newestId = idOfFirst(reply)
      if (newestId === undefined) durationUs = 0
      else if (newestId !== slowLog.lastId) {
        const behind = newestId > slowLog.lastId ? newestId - slowLog.lastId : MOST
        const more = behind > 1 ? await ask('SLOWLOG', 'GET', String(Math.min(behind + EXTRA, MOST))) : reply
        slowLog.take(parseSlowLog(more))
        durationUs = parseSlowLog(reply)[0]?.durationUs ?? 0
      }
      if (newestId !== undefined && countedId !== undefined)
        slow += countedId === -1 ? Number(count) : newestId >= countedId ? newestId - countedId : newestId + 1
      countedId = newestId ?? countedId ?? -1
      out.add(slowCommands, slow)
      out.add(length, Number(count))
      out.add(lastId, newestId ?? 0)
      out.add(lastSeconds, durationUs / 1e6)
      out.add(missed, slowLog.missed)
    }
  },
} satisfies Collector

function idOfFirst(reply: Reply): number | undefined {
  const [first] = Array.isArray(reply) ? reply : []
  const [id] = Array.isArray(first) ? first : []
  return typeof id === 'number' ? id : undefined
}
