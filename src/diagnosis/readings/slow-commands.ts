// The entries of the slow log that say something about now, by why they were slow: a command that walks the whole keyspace
// or runs a script, one that walks one whole key, one that frees what a key held. Each has another cure. Commands that
// touch one element are never slow by themselves: where they are in the slow log, the processor or the machine was.

import { formatDuration } from '../../lib/units.ts'
import type { Fact } from '../check.ts'
import type { Evidence, ServerEvidence, SlowSeen } from '../evidence.ts'

export type SlowKind = 'walks' | 'whole key' | 'frees'

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/))

const WALKS = words('keys scan eval eval_ro evalsha evalsha_ro fcall fcall_ro exec sort sort_ro randomkey command')
const FREES = words('del flushall flushdb rename getdel expire pexpire')
const WHOLE_KEY =
  words(`hgetall hkeys hvals hscan hmget smembers sscan sunion sinter sdiff sunionstore sinterstore sdiffstore
  sintercard srandmember lrange lrem linsert lindex lpos ltrim zrange zrevrange zrangebyscore zrevrangebyscore
  zrangebylex zrangestore zunion zinter zdiff zunionstore zinterstore zdiffstore zscan zremrangebyrank zremrangebyscore
  xrange xrevrange xread get getrange mget bitcount bitop bitpos dump pfcount pfmerge georadius geosearch copy`)

const LATELY_MS = 5 * 60_000
const SLOW_US = 10_000 // where the log is told to hold more, that is not for us to call slow

export interface SlowCommand {
  readonly entry: SlowSeen
  readonly name: string
  readonly key: string | undefined
}

/** Of the last five minutes, the slowest first. */
export function slowCommands({ slowlog = [] }: ServerEvidence, { takenAt }: Evidence, kind: SlowKind): SlowCommand[] {
  return slowlog
    .filter((entry) => kindOf(entry.command) === kind)
    .filter(
      ({ at, durationUs, client }) => takenAt - at <= LATELY_MS && durationUs >= SLOW_US && !client.startsWith('?'),
    )
    .map((entry) => ({ entry, name: nameOf(entry.command), key: namedKey(entry.command) }))
    .toSorted((a, b) => b.entry.durationUs - a.entry.durationUs)
}

function kindOf(command: readonly string[]): SlowKind | undefined {
  const name = nameOf(command)
  if (WALKS.has(name)) return 'walks'
  if (name === 'debug') return command[1]?.toLowerCase() === 'sleep' ? 'walks' : undefined
  if (FREES.has(name)) return 'frees'
  return WHOLE_KEY.has(name) ? 'whole key' : undefined
}

function nameOf([name = '']: readonly string[]): string {
  return name.toLowerCase()
}

/** The first key of a command that works on keys; undefined where it has none, or the log cut it off. */
export function namedKey(command: readonly string[]): string | undefined {
  const name = nameOf(command)
  if (!WHOLE_KEY.has(name) && !FREES.has(name)) return undefined
  const at = /^z(union|inter|diff)$|^(s(union|inter|diff)|zrange)store$|^bitop$|^sintercard$/.test(name)
    ? name === 'bitop'
      ? 3
      : 2
    : /^z(union|inter|diff)store$/.test(name)
      ? 3
      : 1
  const key = command[at]
  return key === undefined || key === '' || /\(\d+ more bytes\)$/.test(key) ? undefined : key
}

export function slowMs({ entry }: SlowCommand): number {
  return entry.durationUs / 1_000
}

/** "KEYS session:* took 136 ms". */
export function slowText(slow: SlowCommand): string {
  return `${shown(slow)} took ${formatDuration(slowMs(slow))}`
}

const LESS_AT_ONCE: readonly (readonly [commands: ReadonlySet<string>, instead: string])[] = [
  [words('keys randomkey'), 'SCAN with MATCH asks the same in small steps, with others in between'],
  [words('eval eval_ro evalsha evalsha_ro fcall fcall_ro'), 'Let the script do less at a time, in several calls'],
  [words('exec'), 'Shorter transactions let others in between'],
  [words('sort sort_ro'), 'A sorted set keeps the order that SORT works out each time; or ask a replica'],
  [words('hgetall hkeys hvals'), 'HMGET reads only the fields that are needed, HSCAN all of them in small steps'],
  [words('smembers sunion sinter sdiff'), 'SISMEMBER asks for one member, SSCAN reads all of them in small steps'],
  [words('lrange'), 'LRANGE of some hundred elements at a time'],
  [words('zrange zrevrange zrangebyscore zrevrangebyscore zrangebylex'), 'A range of some hundred members at a time'],
]

/** What an application asks instead of a command that took long. */
export function insteadOf({ name }: SlowCommand): string {
  const [, instead] = LESS_AT_ONCE.find(([commands]) => commands.has(name)) ?? []
  return `${instead ?? 'Ask for less at a time, or ask a replica'}. Tell who owns that client; to close it would not end a command that runs.`
}

/** The command as a fact. */
export function slowFact(slow: SlowCommand): Fact {
  const { client, clientName, at } = slow.entry
  const who = clientName === '' ? client : `${client} (${clientName})`
  const value = `${formatDuration(slowMs(slow))} at ${new Date(at).toISOString()}, by ${who}`
  return { source: 'SLOWLOG', name: shown(slow), value }
}

const MOST = 60

function shown({ entry }: SlowCommand): string {
  const text = entry.command.join(' ')
  return text.length <= MOST ? text : `${text.slice(0, MOST)}…`
}
