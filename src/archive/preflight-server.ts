// What a base, and the stream behind it, need of a server: see preflight.ts.

import type { Clock } from '../lib/clock.ts'
import { Fault, reasonOf } from '../lib/fault.ts'
import { formatBytes, formatDuration } from '../lib/units.ts'
import { askForArchive, whyNoPsync } from '../redis/archive-commands.ts'
import type { Ask } from '../redis/ask.ts'
import { openConnection, Refused, type Connection, type Reply } from '../redis/connection.ts'
import { infoNumber, parseInfo, type Info } from '../redis/info.ts'
import { parseRecord, parseRecords } from '../redis/topology.ts'
import { isAtLeast, type Source } from '../replication/handshake.ts'
import { METHOD_CHOICES, type MethodChoice } from './base-method.ts'
import { lookAtScan } from './preflight-scan.ts'
import type { Check } from './preflight.ts'
import { isKnownRdb, rdbVersionOf } from './rdb-versions.ts'

export interface ServerToCheck extends Source {
  readonly id: string
  readonly role: 'primary' | 'replica' | 'unknown'
  readonly hasSentinel: boolean // of the deployment
  /** The name by which a path of the server's machine is read here, or undefined where it cannot be. */
  freeBytesAt(path: string): Promise<number | undefined>
}

interface Surroundings {
  readonly method: MethodChoice
  readonly isStreamWanted: boolean
  readonly clock: Clock
  readonly signal: AbortSignal
}

const ANSWER_MS = 10_000
const RATE_MS = 1_000 // the write rate is that of one second
const BACKLOG_SECONDS = 60 // less, and each of our restarts under load needs a whole new base
const MIB = 1024 * 1024

/** Never throws for what a server is like. */
export async function preflightServer(
  server: ServerToCheck,
  { method, isStreamWanted, clock, signal }: Surroundings,
): Promise<{ checks: Check[]; memoryBytes: number | undefined }> {
  let connection: Connection | undefined
  try {
    signal.throwIfAborted()
    connection = await openConnection({ ...server, timeoutMs: ANSWER_MS, name: 'respite-backup' })
    const look = new Look(server, connection, method)
    const checks = await look.all(isStreamWanted ? clock : undefined)
    if (look.needsScan) checks.push(await checkScan(server, clock, signal))
    return { checks, memoryBytes: look.memoryBytes }
  } catch (error) {
    const hint =
      (error instanceof Fault ? error.hint : undefined) ??
      'respite doctor says what is wrong with it, and what to do first'
    return {
      checks: [{ check: 'server', state: 'problem', of: server.id, says: reasonOf(error), hint }],
      memoryBytes: undefined,
    }
  } finally {
    connection?.close()
  }
}

async function checkScan(server: ServerToCheck, clock: Clock, signal: AbortSignal): Promise<Check> {
  const { isPossible, says, hint } = await lookAtScan(server, clock, signal)
  const state = isPossible ? 'ok' : 'problem'
  return { check: 'scan', state, of: server.id, says, ...(hint === undefined ? {} : { hint }) }
}

class Look {
  readonly #server: ServerToCheck
  readonly #connection: Connection
  readonly #method: MethodChoice
  readonly #ask: Ask
  readonly #checks: Check[] = []
  #info: Info = parseInfo('')
  #isUnfollowed = false // it refuses PSYNC
  readonly #refused = new Set<string>() // each is said once

  constructor(server: ServerToCheck, connection: Connection, method: MethodChoice) {
    this.#server = server
    this.#connection = connection
    this.#method = method
    this.#ask = askForArchive(connection.send)
  }

  get memoryBytes(): number | undefined {
    return infoNumber(this.#info, 'used_memory')
  }

  /** It is asked for, or the other methods are refused: files are found by CONFIG GET. */
  get needsScan(): boolean {
    return this.#method === 'scan' || (this.#method === 'auto' && this.#isUnfollowed && this.#refused.has('config|get'))
  }

  async all(clock: Clock | undefined): Promise<Check[]> {
    const info = await this.#tryAsk('info', 'INFO')
    if (info === undefined) return this.#checks
    this.#info = parseInfo(String(info))
    this.#version()
    await this.#psync()
    this.#role()
    if (clock !== undefined) await this.#backlog(clock)
    await this.#transfer()
    await this.#bounds()
    await this.#modules()
    return this.#checks
  }

  #add(check: string, state: Check['state'], says: string, hint?: string): void {
    this.#checks.push({ check, state, of: this.#server.id, says, ...(hint === undefined ? {} : { hint }) })
  }

  /** Undefined where the user may not ask, which is a finding of its own. */
  async #tryAsk(check: string, ...words: string[]): Promise<Reply | undefined> {
    try {
      return await this.#ask(...words)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      const command = words.slice(0, 2).join('|').toLowerCase()
      const needed = /^(config|module)/.test(command) ? command : (words[0] ?? '').toLowerCase()
      if (this.#refused.has(needed)) return undefined
      this.#refused.add(needed)
      this.#add(check, 'warning', `could not look: ${error.message}`, `Permit it: ACL SETUSER <user> +${needed}`)
      return undefined
    }
  }

  async #config(check: string, name: string): Promise<string | undefined> {
    const reply = await this.#tryAsk(check, 'CONFIG', 'GET', name)
    return reply === undefined ? undefined : parseRecord(reply)[name]
  }

  get #serverVersion(): string {
    return this.#info.get('valkey_version') ?? this.#info.get('redis_version') ?? '0'
  }

  get #isBeforeSeven(): boolean {
    return !this.#info.has('valkey_version') && !isAtLeast(this.#serverVersion, [7, 0])
  }

  #version(): void {
    const flavour = this.#info.has('valkey_version') ? 'valkey' : 'redis'
    const name = flavour === 'valkey' ? 'Valkey' : 'Redis'
    if (this.#isBeforeSeven)
      this.#add(
        'version',
        'warning',
        `${name} ${this.#serverVersion} sends times to live that are relative: only bases are kept, no stream`,
        'Redis 7 and later can be restored to any second.',
      )
    else this.#add('version', 'ok', `${name} ${this.#serverVersion}: bases and stream`)
    const rdb = rdbVersionOf(flavour, this.#serverVersion)
    if (rdb === undefined) return
    if (isKnownRdb(flavour, this.#serverVersion))
      this.#add('rdb-version', 'ok', `it writes RDB version ${rdb}, known here`)
    else
      this.#add(
        'rdb-version',
        'warning',
        `it is newer than this version of Respite knows: its bytes are kept and are good, its keys may not be counted`,
        'Use a newer version of Respite.',
      )
  }

  /** Whether the server may have to serve us as a replica. */
  get #follows(): boolean {
    return this.#method === 'psync' || this.#method === 'auto'
  }

  async #psync(): Promise<void> {
    if (!this.#follows) return
    if (this.#isBeforeSeven) return this.#add('psync', 'ok', 'whether it may be followed shows when the base is taken')
    const why = await whyNoPsync(this.#connection.send)
    if (why === undefined || /NOMASTERLINK/.test(why))
      return this.#add('psync', 'ok', 'it may be followed as by a replica')
    const hint = /NOPERM/.test(why)
      ? 'Give the user the least ACL for backing up: ACL SETUSER <user> +psync +replconf +ping +info'
      : `Managed services do not offer it. Choose another method: --method ${METHOD_CHOICES.slice(2).join(' or ')}`
    this.#isUnfollowed = true
    if (this.#method === 'psync') return this.#add('psync', 'problem', `PSYNC is refused: ${why}`, hint)
    this.#add('psync', 'warning', `PSYNC is refused: ${why}. A base goes by another method; there is no stream`, hint)
  }

  #role(): void {
    const { role, hasSentinel } = this.#server
    if (role === 'replica')
      return this.#add('role', 'ok', 'a replica in step: the primary and its Sentinels do not notice us')
    const listens = hasSentinel
      ? '; while it archives a listener answers its Sentinels, so that we are never promoted'
      : ''
    this.#add('role', 'ok', `a primary: it forks for the base, and counts us among its replicas meanwhile${listens}`)
  }

  async #backlog(clock: Clock): Promise<void> {
    const size = infoNumber(this.#info, 'repl_backlog_size')
    if (size === undefined || this.#isBeforeSeven) return
    const began = clock.monotonic()
    const counted = (info: Info): number =>
      infoNumber(info, isExact ? 'master_repl_offset' : 'total_net_input_bytes') ?? 0
    const isExact = this.#info.get('repl_backlog_active') === '1' // else nobody counts what a replica would be sent
    const before = counted(parseInfo(String(await this.#ask('INFO'))))
    await new Promise<void>((resolve) => void clock.after(RATE_MS, resolve))
    const after = counted(parseInfo(String(await this.#ask('INFO'))))
    const perSecond = Math.max(0, after - before) / Math.max(0.001, (clock.monotonic() - began) / 1_000)
    const seconds = perSecond < 1 ? Infinity : size / perSecond
    const rate = `${isExact ? '' : 'at most '}${formatBytes(perSecond)}/s`
    if (seconds >= BACKLOG_SECONDS) {
      const lasts = seconds > 86_400 ? 'more than a day' : formatDuration(seconds * 1_000)
      return this.#add('backlog', 'ok', `a backlog of ${formatBytes(size)} holds ${lasts} at the present ${rate}`)
    }
    const wanted = Math.ceil((perSecond * 2 * BACKLOG_SECONDS) / MIB)
    this.#add(
      'backlog',
      'warning',
      `a backlog of ${formatBytes(size)} holds ${Math.floor(seconds)} s at the present ${rate}: after any longer interruption a whole new base is needed`,
      `CONFIG SET repl-backlog-size ${wanted}mb, and CONFIG REWRITE`,
    )
  }

  async #transfer(): Promise<void> {
    if (this.#method === 'scan') return
    if (this.#method === 'aof') return this.#appended()
    const diskless = await this.#config('diskless', 'repl-diskless-sync')
    if (diskless === undefined) return
    if (diskless === 'yes' && this.#method !== 'bgsave') {
      const delay = Number((await this.#config('diskless', 'repl-diskless-sync-delay')) ?? 0)
      const waits = delay > 0 ? `; it waits ${delay} s for further replicas first (repl-diskless-sync-delay)` : ''
      return this.#add('diskless', 'ok', `the base needs no disk of the server${waits}`)
    }
    const dir = (await this.#config('disk', 'dir')) ?? ''
    const free = dir === '' ? undefined : await this.#server.freeBytesAt(dir)
    const need = this.memoryBytes ?? 0
    const says = `the server writes the base to its own disk first: up to ${formatBytes(need)} in ${dir}`
    if (free !== undefined && free < need)
      this.#add(
        'disk',
        'warning',
        `${says}, where ${formatBytes(free)} are free`,
        'Make room, or: CONFIG SET repl-diskless-sync yes',
      )
    else this.#add('disk', 'ok', free === undefined ? says : `${says}, where ${formatBytes(free)} are free`)
  }

  async #appended(): Promise<void> {
    if (this.#info.get('aof_enabled') === '1')
      return this.#add('aof', 'ok', 'it keeps an append-only file, which is read as it is')
    const hint = 'Choose another method, or: CONFIG SET appendonly yes'
    this.#add('aof', 'problem', 'it keeps no append-only file (appendonly no)', hint)
  }

  /** What may cut us off, and what counts us. */
  async #bounds(): Promise<void> {
    if (!this.#follows) return
    const limits = await this.#config('output-buffer', 'client-output-buffer-limit')
    const match = /(?:slave|replica) (\d+) (\d+) (\d+)/.exec(limits ?? '')
    if (match !== null) {
      const [hard = 0, soft = 0] = match.slice(1).map(Number)
      const least = Math.min(...[hard, soft].filter((each) => each > 0))
      if (least < 64 * MIB)
        this.#add(
          'output-buffer',
          'warning',
          `replicas are cut off when ${formatBytes(least)} wait for them`,
          'CONFIG SET client-output-buffer-limit "replica 256mb 64mb 60", the default',
        )
      else
        this.#add(
          'output-buffer',
          'ok',
          Number.isFinite(least) ? `up to ${formatBytes(least)} may wait for us` : 'without a limit',
        )
    }
    if (this.#server.role !== 'primary') return
    const min = Number((await this.#config('min-replicas', 'min-replicas-to-write')) ?? 0)
    if (min === 0) this.#add('min-replicas', 'ok', 'writes do not wait for replicas')
    else
      this.#add(
        'min-replicas',
        'warning',
        `min-replicas-to-write is ${min}, and we are counted among its replicas while we are attached`,
        'Attach to a replica, or raise it by one while Respite archives from this primary.',
      )
  }

  async #modules(): Promise<void> {
    const reply = await this.#tryAsk('modules', 'MODULE', 'LIST')
    if (reply === undefined) return
    const names = parseRecords(reply).map((each) => `${each['name'] ?? '?'} ${each['ver'] ?? ''}`.trim())
    if (names.length === 0) return this.#add('modules', 'ok', 'no modules')
    const text = names.join(', ')
    this.#add(
      'modules',
      'warning',
      `modules: ${text}. Their values are kept as they are`,
      'A server that restores needs the same modules.',
    )
  }
}
