// Reading the lines of CLIENT LIST: who a client is, what it is doing and what it costs; and those that the server's log
// names when it closes a client. Source: catClientInfoString of Redis src/networking.c.

import { parseClientList, type ClientLine } from '../../redis/client-list.ts'
import { formatDuration } from '../../lib/units.ts'
import type { Fact } from '../check.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import type { LogEntrySeen } from './reading.ts'

/** 0 where the version does not say it. */
export function clientNumber(client: ClientLine, field: string): number {
  const value = Number(client[field] ?? 0)
  return Number.isNaN(value) ? 0 : value
}

/** Applications' clients: neither replicas nor ourselves. */
export function applicationClients({ clients = [], ownAddress }: ServerEvidence): readonly ClientLine[] {
  return clients.filter((client) => !isReplica(client) && client['name'] !== 'respite' && client['addr'] !== ownAddress)
}

function isReplica(client: ClientLine): boolean {
  return has(client, 'S') || has(client, 'M')
}

export function isMonitor(client: ClientLine): boolean {
  return has(client, 'O')
}

export function isSubscriber(client: ClientLine): boolean {
  return has(client, 'P')
}

export function isBlocked(client: ClientLine): boolean {
  return has(client, 'b')
}

function has({ flags = '' }: ClientLine, flag: string): boolean {
  return flags.includes(flag)
}

/** Replies that wait in the server for the client to read them, in bytes. */
export function unreadBytes(client: ClientLine): number {
  return clientNumber(client, 'omem')
}

/** "10.0.0.7:51234 (worker, user app)". */
export function showClient({ addr = 'a client', name = '', user = '' }: ClientLine): string {
  const known = [name, user === '' || user === 'default' ? '' : `user ${user}`].filter((word) => word !== '')
  return known.length === 0 ? addr : `${addr} (${known.join(', ')})`
}

/** A client as a fact. */
export function clientFact(client: ClientLine, ...fields: string[]): Fact {
  const said = fields.map((field) => `${field}=${client[field] ?? ''}`).join(' ')
  return { source: 'CLIENT LIST', name: showClient(client), value: said }
}

/** A client that the server closed by itself, as its log says. */
export interface ClosedClient {
  readonly entry: LogEntrySeen
  readonly client: ClientLine
}

const CLOSED_RECENTLY_MS = 10 * 60_000

/** Those whose line of the log matches, of the last ten minutes, newest last. */
export function closedClients({ log }: ServerEvidence, { takenAt }: Evidence, pattern: RegExp): ClosedClient[] {
  return (log?.entries ?? [])
    .filter(({ at, text }) => pattern.test(text) && takenAt - (at ?? takenAt) <= CLOSED_RECENTLY_MS)
    .map((entry) => ({ entry, client: clientIn(entry.text) }))
}

/** "12 s ago". */
export function agoText({ takenAt }: Evidence, { at }: LogEntrySeen): string {
  return at === undefined ? 'lately' : `${formatDuration(takenAt - at)} ago`
}

/** The line of CLIENT LIST within a sentence: it begins with `id=`. */
function clientIn(text: string): ClientLine {
  return parseClientList(text.slice(Math.max(0, text.indexOf('id='))))[0] ?? {}
}
