// Reading numbers, texts and rates out of the evidence, so that a check is about its question and not about parsing.
// Undefined always means "not seen": a check that needs it answers nothing then.

import type { Fact, Severity } from '../check.ts'
import type { Evidence, LogSeen, ServerEvidence } from '../evidence.ts'

/** A field of INFO as text. */
export function infoText(server: ServerEvidence, field: string): string | undefined {
  return server.info?.fields[field]
}

/** A field of INFO as a number. */
export function infoNumber(server: ServerEvidence, field: string): number | undefined {
  return toNumber(server.info?.fields[field])
}

/** A field of INFO as it was a moment earlier, at the first of the two looks. */
export function infoNumberBefore(server: ServerEvidence, field: string): number | undefined {
  return toNumber(server.info?.before[field])
}

/** A part of a field such as `cmdstat_get:calls=3,usec=12` or `db0:keys=1,expires=0`. */
export function infoPart(server: ServerEvidence, field: string, part: string): number | undefined {
  return partOf(server.info?.fields[field], part)
}

/** How much a counter of INFO grew a second while we looked. */
export function infoRate(server: ServerEvidence, field: string, part?: string): number | undefined {
  const { info } = server
  if (info === undefined || info.apartMs <= 0) return undefined
  const read = (fields: Readonly<Record<string, string>>): number | undefined =>
    part === undefined ? toNumber(fields[field]) : partOf(fields[field], part)
  const [before, now] = [read(info.before), read(info.fields)]
  if (now === undefined) return undefined
  return Math.max(0, now - (before ?? 0)) / (info.apartMs / 1_000)
}

/** A setting of the running server. */
export function setting(server: ServerEvidence, name: string): string | undefined {
  return server.config?.[name]
}

export function settingNumber(server: ServerEvidence, name: string): number | undefined {
  return toNumber(server.config?.[name])
}

/** All keys of all databases; undefined where INFO was not seen. */
export function keyCount(server: ServerEvidence): number | undefined {
  const fields = server.info?.fields
  if (fields === undefined) return undefined
  return Object.entries(fields).reduce(
    (sum, [name, text]) => (/^db\d+$/.test(name) ? sum + (partOf(text, 'keys') ?? 0) : sum),
    0,
  )
}

export type LogEntrySeen = LogSeen['entries'][number]

/**
 * The last line of the log that matches. `withinMs`: not older than that before the evidence was taken. `sinceStart`: of
 * the process that runs now, where its pid is known.
 */
export function lastLogged(
  server: ServerEvidence,
  evidence: Evidence,
  pattern: RegExp,
  { withinMs, sinceStart = false }: { withinMs?: number; sinceStart?: boolean } = {},
): LogEntrySeen | undefined {
  const from = withinMs === undefined ? Number.NEGATIVE_INFINITY : evidence.takenAt - withinMs
  const startedMs = sinceStart ? (server.process?.startedMs ?? Number.NEGATIVE_INFINITY) : Number.NEGATIVE_INFINITY
  return server.log?.entries.findLast(
    (entry) => (entry.at ?? Infinity) >= Math.max(from, startedMs - 1_000) && pattern.test(wholeText(entry)),
  )
}

/** All lines of an entry: a crash report and a refused configuration stand below its first. */
export function wholeText({ text, more }: Pick<LogEntrySeen, 'text' | 'more'>): string {
  return more === undefined ? text : `${text}\n${more}`
}

/** A line of the log as a fact. */
export function logFact({ at, text }: LogEntrySeen): Fact {
  return { source: 'log', name: at === undefined ? 'a line' : new Date(at).toISOString(), value: text }
}

/** A field of INFO as a fact; `section` as redis-cli INFO takes it. */
export function infoFact(server: ServerEvidence, section: string, field: string): Fact {
  return { source: `INFO ${section}`, name: field, value: infoText(server, field) ?? 'not said' }
}

/** A setting as a fact. */
export function settingFact(server: ServerEvidence, name: string): Fact {
  return { source: 'CONFIG GET', name, value: setting(server, name) ?? 'not said' }
}

/** Samples of the daemon of one server, oldest first; [] where nobody has watched. */
export function samplesOf(evidence: Evidence, name: string, server: string): readonly (readonly [number, number])[] {
  const series = evidence.history?.series.find((one) => one.name === name && one.labels['instance'] === server)
  return series?.points ?? []
}

/** Keys of all databases at each moment at which any was sampled, oldest first: all, or those that never expire. */
export function keysSampled(
  { history }: Evidence,
  server: string,
  which: 'all' | 'without expiry',
): (readonly [at: number, keys: number])[] {
  const total = new Map<number, number>()
  const of = (name: string): readonly (readonly [number, number])[] =>
    (history?.series ?? [])
      .filter((series) => series.name === name && series.labels['instance'] === server)
      .flatMap(({ points }) => points)
  for (const [at, value] of of('redis_db_keys')) total.set(at, (total.get(at) ?? 0) + value)
  if (which === 'without expiry')
    for (const [at, value] of of('redis_db_keys_expiring'))
      if (total.has(at)) total.set(at, (total.get(at) ?? 0) - value)
  return [...total].toSorted(([a], [b]) => a - b)
}

/** Is this the server's own view of being a primary? */
export function isPrimary(server: ServerEvidence): boolean {
  return server.info === undefined ? server.role === 'primary' : server.info.fields['role'] === 'master'
}

/** Servers that hold data: all but Sentinels. */
export function dataServers(evidence: Evidence): readonly ServerEvidence[] {
  return evidence.servers.filter(({ role }) => role !== 'sentinel')
}

function partOf(text: string | undefined, part: string): number | undefined {
  return toNumber(new RegExp(`(?:^|,)${part}=([^,]*)`).exec(text ?? '')?.[1])
}

function toNumber(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  const value = Number(text)
  return Number.isNaN(value) ? undefined : value
}

/** How bad it is that this server does not serve: a replica or a Sentinel costs redundancy, a primary costs service. */
export function severityOfLoss({ role }: ServerEvidence): Severity {
  return role === 'replica' || role === 'sentinel' ? 'warning' : 'critical'
}

/** The host of `10.0.0.5:6379`; an address without a port is one. */
export function hostOf(address: string): string {
  return address.replace(/:\d+$/, '')
}
