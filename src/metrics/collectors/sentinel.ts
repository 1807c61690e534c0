// What a Sentinel sees: the primaries that it watches, how many replicas and Sentinels of each are well, and whether a
// failover would find its quorum.

import { Fault } from '../../lib/fault.ts'
import type { Ask } from '../../redis/ask.ts'
import { Refused } from '../../redis/connection.ts'
import { parsePairs, type Info } from '../../redis/info.ts'
import { isSecretSetting } from '../../redis/redact.ts'
import type { Collector } from '../collector.ts'
import { parseNumber } from '../number.ts'
import { mapOfReply, mapsOfReply } from '../reply-map.ts'
import { gauge, labelText, seriesOf, type Snapshot } from '../series.ts'

const PLAIN = new Map(
  Object.entries({
    sentinel_masters: 'Primaries that this Sentinel watches.',
    sentinel_tilt: '1 in TILT mode: this Sentinel looks and does not act.',
    sentinel_running_scripts: 'Scripts that run now.',
    sentinel_scripts_queue_length: 'Scripts that wait to run.',
    sentinel_simulate_failure_flags: 'Failures that are simulated.',
  }).map(([field, help]) => [field, seriesOf(gauge(`redis_${field}`, help))]),
)
const status = gauge('redis_sentinel_master_status', '1 when this Sentinel considers the primary well.')
const replicas = gauge('redis_sentinel_master_slaves', 'Replicas of the primary that were ever seen.')
const sentinels = gauge('redis_sentinel_master_sentinels', 'Sentinels that watch the primary, this one included.')
const okReplicas = gauge('redis_sentinel_master_ok_slaves', 'Replicas of the primary that are not down.')
const okSentinels = gauge('redis_sentinel_master_ok_sentinels', 'Sentinels of the primary that are not down.')
const quorum = gauge('redis_sentinel_master_ckquorum_status', '1 when a failover would find its quorum.')
const peer = gauge('redis_sentinel_peer_info', 'Always 1; another Sentinel that watches the same primary.')
const configKeyValue = gauge('redis_sentinel_config_key_value', 'Always 1; a setting of the Sentinel and its value.')
const configValue = gauge('redis_sentinel_config_value', 'A setting of the Sentinel whose value is a number.')

/** From a field of SENTINEL MASTERS to its metric, and what the value is divided by. */
const SETTINGS = [
  ['quorum', gauge('redis_sentinel_master_setting_ckquorum', 'Sentinels that must agree that the primary is down.'), 1],
  [
    'failover-timeout',
    gauge('redis_sentinel_master_setting_failover_timeout', 'The setting failover-timeout in ms.'),
    1,
  ],
  ['parallel-syncs', gauge('redis_sentinel_master_setting_parallel_syncs', 'The setting parallel-syncs.'), 1],
  [
    'down-after-milliseconds',
    gauge('redis_sentinel_master_setting_down_after_milliseconds', 'The setting down-after-milliseconds.'),
    1,
  ],
  [
    'config-epoch',
    gauge('redis_sentinel_master_config_epoch', 'Epoch of the configuration; grows with each failover.'),
    1,
  ],
  [
    'last-ok-ping-reply',
    gauge('redis_sentinel_master_last_ok_ping_reply_seconds', 'Seconds since the primary last answered a PING.'),
    1_000,
  ],
] as const

export default {
  asks: 'What a Sentinel sees: primaries, replicas, other Sentinels, quorum.',
  on: 'sentinel',
  start() {
    return async ({ info, ask, settings }, out) => {
      addInfo(info, out)
      const masters = mapsOfReply(await ask('SENTINEL', 'MASTERS'))
      await Promise.all(masters.map((master) => addMaster(master, ask, out)))
      if (settings.configMetrics === true) addConfig(mapOfReply(await ask('SENTINEL', 'CONFIG', 'GET', '*')), out)
    }
  },
} satisfies Collector

/** `master0:name=mymaster,status=ok,address=127.0.0.1:6379,slaves=2,sentinels=3` */
function addInfo(info: Info, out: Snapshot): void {
  for (const [field, series] of PLAIN) {
    const value = parseNumber(info.get(field))
    if (value !== undefined) out.add(series, value)
  }
  for (let at = 0; info.has(`master${at}`); at += 1) {
    const pairs = parsePairs(info.get(`master${at}`) ?? '')
    const labels = { master_address: pairs['address'] ?? '', master_name: pairs['name'] ?? '' }
    const withStatus = labelText({ ...labels, master_status: pairs['status'] ?? '' })
    out.add(seriesOf(status, withStatus), pairs['status'] === 'ok' ? 1 : 0)
    out.add(seriesOf(replicas, labelText(labels)), Number(pairs['slaves']))
    out.add(seriesOf(sentinels, labelText(labels)), Number(pairs['sentinels']))
  }
}

async function addMaster(master: Map<string, string>, ask: Ask, out: Snapshot): Promise<void> {
  const name = master.get('name') ?? ''
  const address = `${master.get('ip') ?? ''}:${master.get('port') ?? ''}`
  const labels = labelText({ master_address: address, master_name: name })
  for (const [field, of, divisor] of SETTINGS) out.add(seriesOf(of, labels), Number(master.get(field) ?? 0) / divisor)
  const [verdict, others, followers] = await Promise.all([
    askQuorum(ask, name),
    ask('SENTINEL', 'SENTINELS', name),
    ask('SENTINEL', 'SLAVES', name), // REPLICAS since 5.0; every version has this one
  ])
  out.add(seriesOf(quorum, labelText({ master_name: name, message: verdict.message })), verdict.ok ? 1 : 0)
  const peers = mapsOfReply(others)
  for (const other of peers) out.add(seriesOf(peer, peerLabels(other, address, name)), 1)
  out.add(seriesOf(okSentinels, labels), 1 + peers.filter(isUp).length) // 1: this one
  out.add(seriesOf(okReplicas, labels), mapsOfReply(followers).filter(isUp).length)
}

/** CKQUORUM answers with an error when there is no quorum; a right that is missing is no verdict. */
async function askQuorum(ask: Ask, name: string): Promise<{ ok: boolean; message: string }> {
  try {
    return { ok: true, message: String(await ask('SENTINEL', 'CKQUORUM', name)) }
  } catch (error) {
    const refusal = error instanceof Fault && error.cause instanceof Refused ? error.cause : undefined
    if (refusal === undefined || refusal.answer === 'noperm') throw error
    return { ok: false, message: refusal.message }
  }
}

function isUp(entry: Map<string, string>): boolean {
  const flags = entry.get('flags') ?? 's_down'
  return !flags.includes('s_down') && !flags.includes('o_down')
}

function peerLabels(other: Map<string, string>, masterAddress: string, masterName: string): string {
  return labelText({
    flags: other.get('flags') ?? '',
    ip: other.get('ip') ?? '',
    master_address: masterAddress,
    master_name: masterName,
    name: other.get('name') ?? '',
    port: other.get('port') ?? '',
    runid: other.get('runid') ?? '',
  })
}

function addConfig(config: Map<string, string>, out: Snapshot): void {
  for (const [key, text] of config) {
    if (isSecretSetting(key)) continue
    out.add(seriesOf(configKeyValue, labelText({ key, value: text })), 1)
    const value = parseNumber(text)
    if (value !== undefined) out.add(seriesOf(configValue, labelText({ key })), value)
  }
}
