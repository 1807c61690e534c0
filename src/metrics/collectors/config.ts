// The settings that rules compare with (maxclients, maxmemory, buffer limits), and with `configMetrics` all of them,
// secrets left out. Settings change rarely, so they are asked every half minute and repeated in between.

import type { Ask } from '../../redis/ask.ts'
import type { Info } from '../../redis/info.ts'
import { isSecretSetting } from '../../redis/redact.ts'
import type { Collector, Look } from '../collector.ts'
import { parseNumber } from '../number.ts'
import { mapOfReply } from '../reply-map.ts'
import { gauge, labelText, seriesOf, Snapshot, type Series } from '../series.ts'

const PLAIN: Readonly<Record<string, Series>> = {
  'io-threads': seriesOf(gauge('redis_config_io_threads', 'The setting io-threads.')),
  maxclients: seriesOf(gauge('redis_config_maxclients', 'The setting maxclients.')),
  maxmemory: seriesOf(gauge('redis_config_maxmemory', 'The setting maxmemory in bytes; 0 is no limit.')),
  'repl-backlog-size': seriesOf(gauge('redis_config_repl_backlog_size', 'The setting repl-backlog-size in bytes.')),
}
const SAVE_POINTS = 'save'
const savePoints = seriesOf(
  gauge('respite_config_save_points', 'How many save points are configured; 0: the server never saves by itself.'),
)
const BUFFER_LIMITS = 'client-output-buffer-limit'
const bufferLimit = gauge(
  'redis_config_client_output_buffer_limit_bytes',
  'Output buffer limit of the class of clients.',
)
const bufferSeconds = gauge(
  'redis_config_client_output_buffer_limit_overcome_seconds',
  'How long a client of the class may stay over its soft limit.',
)
const keyValue = gauge('redis_config_key_value', 'Always 1; a setting and its value.')
const numeric = gauge('redis_config_value', 'A setting whose value is a number.')

const ASK_AGAIN_MS = 30_000

export default {
  asks: 'The settings of the server that its metrics are compared with.',
  on: 'server',
  start() {
    let askedAt = -Infinity
    let held = new Snapshot(0)
    const repeat = (out: Snapshot): void => held.series.forEach((series, at) => out.add(series, held.values[at] ?? 0))
    const askAgain = async ({ info, ask, now, settings }: Look, out: Snapshot): Promise<void> => {
      const config = await askConfig(ask, info, settings.configMetrics === true)
      held = new Snapshot(now)
      for (const [key, value] of config) addSetting(key, value, settings.configMetrics === true, held)
      askedAt = now
      repeat(out)
    }
    return (look, out) => {
      if (look.now - askedAt >= ASK_AGAIN_MS || look.now < askedAt) return askAgain(look, out)
      repeat(out)
    }
  },
} satisfies Collector

/** Before Redis 7, CONFIG GET takes one name. */
async function askConfig(ask: Ask, info: Info, all: boolean): Promise<[string, string][]> {
  const names = [...Object.keys(PLAIN), SAVE_POINTS, BUFFER_LIMITS]
  const takesMany = Number(info.get('redis_version')?.split('.', 1)[0]) >= 7
  const questions = all ? [['*']] : takesMany ? [names] : names.map((name) => [name])
  const replies = await Promise.all(questions.map((words) => ask('CONFIG', 'GET', ...words)))
  return replies.flatMap((reply) => [...mapOfReply(reply)])
}

function addSetting(key: string, text: string, all: boolean, out: Snapshot): void {
  const value = parseNumber(text)
  const plain = PLAIN[key]
  if (plain !== undefined && value !== undefined) out.add(plain, value)
  if (key === SAVE_POINTS) out.add(savePoints, Math.floor(text.split(' ').length / 2)) // `3600 1 300 100`
  if (key === BUFFER_LIMITS) addBufferLimits(text.split(' '), out)
  if (!all || isSecretSetting(key)) return
  out.add(seriesOf(keyValue, labelText({ key, value: text })), 1)
  if (value !== undefined) out.add(seriesOf(numeric, labelText({ key })), value)
}

/** `normal 0 0 0 slave 268435456 67108864 60 …`: class, hard limit, soft limit, seconds. */
function addBufferLimits(words: readonly string[], out: Snapshot): void {
  for (let at = 0; at + 3 < words.length; at += 4) {
    const name = words[at] ?? ''
    out.add(seriesOf(bufferLimit, labelText({ class: name, limit: 'hard' })), Number(words[at + 1]))
    out.add(seriesOf(bufferLimit, labelText({ class: name, limit: 'soft' })), Number(words[at + 2]))
    out.add(seriesOf(bufferSeconds, labelText({ class: name, limit: 'soft' })), Number(words[at + 3]))
  }
}
