// The three logs of Valkey 8.1 and later: slow commands, large requests, large replies. Other servers are not asked.

import type { Ask } from '../../redis/ask.ts'
import type { Info } from '../../redis/info.ts'
import type { Collector } from '../collector.ts'
import { parseNumber } from '../number.ts'
import { mapOfReply } from '../reply-map.ts'
import { gauge, seriesOf, type Snapshot } from '../series.ts'

const LOGS = [
  ['slow', seriesOf(gauge('redis_commandlog_slow_length', 'Entries in the log of slow commands.'))],
  ['large-request', seriesOf(gauge('redis_commandlog_large_request_length', 'Entries in the log of large requests.'))],
  ['large-reply', seriesOf(gauge('redis_commandlog_large_reply_length', 'Entries in the log of large replies.'))],
] as const

const SETTINGS = [
  'commandlog-execution-slower-than',
  'commandlog-slow-execution-max-len',
  'commandlog-request-larger-than',
  'commandlog-large-request-max-len',
  'commandlog-reply-larger-than',
  'commandlog-large-reply-max-len',
].map((key) => [key, seriesOf(gauge(`redis_${key.replaceAll('-', '_')}`, `The setting ${key}.`))] as const)

export default {
  asks: 'The command logs of Valkey 8.1 and later.',
  on: 'server',
  start() {
    return ({ info, ask }, out) => (hasCommandLog(info) ? addLogs(ask, out) : undefined)
  },
} satisfies Collector

async function addLogs(ask: Ask, out: Snapshot): Promise<void> {
  const config = ask('CONFIG', 'GET', 'commandlog-*')
  const lengths = await Promise.all(LOGS.map(([log]) => ask('COMMANDLOG', 'LEN', log)))
  LOGS.forEach(([, series], at) => out.add(series, Number(lengths[at])))
  const values = mapOfReply(await config)
  for (const [key, series] of SETTINGS) {
    const value = parseNumber(values.get(key))
    if (value !== undefined) out.add(series, value)
  }
}

function hasCommandLog(info: Info): boolean {
  const version = info.get('valkey_version')
  if (version === undefined) return false
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > 8 || (major === 8 && minor >= 1)
}
