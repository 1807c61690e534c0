// One set of series for each connected client, when `clientList` asks for it: as many as there are clients, and new ones
// with each connection, so it is off by default.

import { parseClientList, type ClientLine } from '../../redis/client-list.ts'
import type { Collector, Look } from '../collector.ts'
import { parseNumber } from '../number.ts'
import { gauge, labelText, seriesOf, type Snapshot } from '../series.ts'

const client = gauge('redis_connected_client_info', 'Always 1; a connected client.')
const of = (name: string, help: string): ReturnType<typeof gauge> => gauge(`redis_connected_client_${name}`, help)
const createdAt = of('created_at_timestamp', 'When the client connected, as Unix time.')
const idleSince = of('idle_since_timestamp', 'When the client last sent something, as Unix time.')

const FIELDS = [
  ['omem', of('output_buffer_memory_usage_bytes', 'Memory of the output buffer.')],
  ['tot-mem', of('total_memory_consumed_bytes', 'Memory of all buffers of the client.')],
  ['sub', of('channel_subscriptions_count', 'Channels that the client is subscribed to.')],
  ['psub', of('pattern_matching_subscriptions_count', 'Patterns that the client is subscribed to.')],
  ['ssub', of('shard_channel_subscriptions_count', 'Shard channels that the client is subscribed to.')],
  ['watch', of('shard_channel_watched_keys', 'Keys that the client watches.')],
  ['qbuf', of('query_buffer_length_bytes', 'Bytes in the query buffer.')],
  ['qbuf-free', of('query_buffer_free_space_bytes', 'Bytes free in the query buffer.')],
  ['obl', of('output_buffer_length_bytes', 'Bytes in the fixed output buffer.')],
  ['oll', of('output_list_length', 'Replies that wait in the output list.')],
] as const

export default {
  asks: 'Each connected client (opt-in: clientList).',
  on: 'server',
  start() {
    return (look, out) => (look.settings.clientList === true ? addClients(look, out) : undefined)
  },
} satisfies Collector

async function addClients({ ask, now }: Look, out: Snapshot): Promise<void> {
  for (const fields of parseClientList(String(await ask('CLIENT', 'LIST')))) addClient(fields, now, out)
}

function addClient(fields: ClientLine, now: number, out: Snapshot): void {
  const labels = labelText({ id: fields['id'] ?? '', name: fields['name'] ?? '' })
  out.add(seriesOf(client, infoLabels(fields)), 1)
  const seconds = Math.floor(now / 1_000)
  out.add(seriesOf(createdAt, labels), seconds - Number(fields['age'] ?? 0))
  out.add(seriesOf(idleSince, labels), seconds - Number(fields['idle'] ?? 0))
  for (const [field, family] of FIELDS) {
    const value = parseNumber(fields[field])
    if (value !== undefined) out.add(seriesOf(family, labels), value)
  }
}

function infoLabels(fields: ClientLine): string {
  const address = fields['addr'] ?? ''
  const colon = address.lastIndexOf(':')
  return labelText({
    db: fields['db'] ?? '',
    flags: fields['flags'] ?? '',
    host: address.slice(0, colon),
    id: fields['id'] ?? '',
    name: fields['name'] ?? '',
    ...(fields['resp'] === undefined ? {} : { resp: fields['resp'] }), // since 7.0
    ...(fields['user'] === undefined ? {} : { user: fields['user'] }),
  })
}
