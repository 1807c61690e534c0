// Writes of every kind, as fast as one connection takes them: all types, several databases, transactions, scripts,
// functions, streams with groups, values from nothing to a megabyte, keys that expire far from now. What it wrote is
// compared elsewhere; it only has to be mixed.

import { openConnection, type Connection } from '../src/redis/connection.ts'
import type { Server } from '../lab/servers.ts'

export interface Flood {
  readonly sent: number // commands so far
  stop(): Promise<void> // all are answered
}

export interface FloodOptions {
  readonly server: Server
  readonly databases?: number // 4 when absent
  readonly pauseMs?: number // between two batches; none when absent
}

type Words = string[]
const BATCH = 60
const LIBRARY = `#!lua name=flood
redis.register_function('bump', function(keys) return redis.call('INCR', keys[1]) end)`
const SCRIPT = `redis.call('SET', KEYS[1], ARGV[1]) return redis.call('RPUSH', KEYS[2], ARGV[1])`

/** Begins at once. A server that is gone ends it quietly: that is often what the test is about. */
export async function startFlood({ server, databases = 4, pauseMs }: FloodOptions): Promise<Flood> {
  const { address, access } = server
  const connection = await openConnection({ address, access, timeoutMs: 60_000 })
  await connection.send('FUNCTION', 'LOAD', 'REPLACE', LIBRARY)
  const ending = new AbortController()
  let sent = 0
  const run = async (): Promise<void> => {
    while (!ending.signal.aborted && connection.open) {
      const batch = Array.from({ length: BATCH }, () => anything(databases)).flat()
      sent += batch.length
      await Promise.all(batch.map((words) => send(connection, words)))
      if (pauseMs !== undefined) await new Promise((resolve) => void setTimeout(resolve, pauseMs))
    }
  }
  const ended = run()
  return {
    get sent() {
      return sent
    },
    async stop() {
      ending.abort()
      await ended
      for (let db = 0; db < databases; db += 1) await removeBrief(connection, db)
      connection.close()
    },
  }
}

/** An error reply (a key of another type) is as good as any; a lost server ends the flood. */
async function send(connection: Connection, words: Words): Promise<void> {
  await connection.send(...words).catch(() => undefined)
}

/** What is about to expire would go on writing after the end. */
async function removeBrief(connection: Connection, db: number): Promise<void> {
  const all = Array.from({ length: 300 }, (_none, at) => `brief:${at}`)
  await Promise.all([send(connection, ['SELECT', String(db)]), send(connection, ['DEL', ...all])])
}

const anyOf = (many: number): number => Math.floor(Math.random() * many)
const key = (type: string): string => `${type}:${anyOf(300)}`
const value = (): string => 'v'.repeat(anyOf(10) === 0 ? anyOf(20_000) : anyOf(120))

const KINDS: readonly ((databases: number) => Words[])[] = [
  () => [['SET', key('string'), value()]],
  () => [['SET', key('string'), value(), 'EX', String(3600 + anyOf(3600))]],
  () => [['INCR', key('count')]],
  () => [['APPEND', key('string'), 'x']],
  () => [['HSET', key('hash'), `f${anyOf(50)}`, value()]],
  () => [['LPUSH', key('list'), value(), value()]],
  () => [['LTRIM', key('list'), '0', '20']],
  () => [['SADD', key('set'), String(anyOf(1000)), value()]],
  () => [['SPOP', key('set')]],
  () => [['ZADD', key('zset'), String(Math.random()), `m${anyOf(100)}`]],
  () => [['XADD', 'stream:1', 'MAXLEN', '~', '500', '*', 'field', value()]],
  () => [['XGROUP', 'CREATE', 'stream:1', 'readers', '$', 'MKSTREAM']],
  () => [['XREADGROUP', 'GROUP', 'readers', `c${anyOf(3)}`, 'COUNT', '3', 'STREAMS', 'stream:1', '>']],
  () => [['EXPIRE', key('string'), '7200']],
  () => [['PERSIST', key('string')]],
  () => [['DEL', key('string'), key('hash')]],
  () => [['UNLINK', key('list')]],
  () => [['PSETEX', key('brief'), '1', 'x']],
  () => [['COPY', key('string'), key('string'), 'REPLACE']],
  () => [['EVAL', SCRIPT, '2', key('string'), key('list'), value()]],
  () => [['FCALL', 'bump', '1', key('count')]],
  () => [['PUBLISH', 'news', 'x']],
  (databases) => [['SELECT', String(anyOf(databases))]],
  (databases) => [
    ['MULTI'],
    ['SET', key('string'), value()],
    ['SELECT', String(anyOf(databases))],
    ['INCR', key('count')],
    ['EXEC'],
  ],
]

function anything(databases: number): Words[] {
  if (anyOf(2_000) === 0) return [['SET', 'large', 'L'.repeat(anyOf(1_000_000))]]
  return KINDS[anyOf(KINDS.length)]?.(databases) ?? []
}
