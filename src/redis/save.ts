// Asks a server to write its dataset to its own disk, and waits until that is done. It changes nothing but the file that the
// server itself writes. For archive/ alone (test/layers.test.ts).
//
// Whose save is it? A server runs one child at a time. A save that runs when we come began before we asked: it is waited for,
// and not taken for ours. One that the server says it started is ours. One that it only promised (SCHEDULE, behind the
// rewrite of an append-only file) is ours when the server has counted one more. LASTSAVE would say none of
// that: its seconds are too coarse, and it cannot tell a failure from a save that is still to come.

import type { Clock } from '../lib/clock.ts'
import { Fault, reasonOf } from '../lib/fault.ts'
import { Refused, type Connection } from './connection.ts'
import { infoNumber, parseInfo, type Info } from './info.ts'
import { parseRecord } from './topology.ts'

export interface SaveOptions {
  readonly send: Connection['send']
  readonly target: string
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Told while another child of the server is waited for. */
  onWait?(why: string): void
}

/** The user may not ask for it, or the server does not offer it. */
export class SaveRefused extends Fault {}

/** The server tried and failed. What it says of that stands in its log. */
export class SaveFailed extends Fault {}

const COMMANDS: ReadonlySet<string> = new Set(['BGSAVE', 'CONFIG GET', 'INFO'])
const LOOK_MS = 100
const LOOK_AT_MOST_MS = 1_000
const PROMISED_MS = 15_000 // that long after the rewrite, a promised save is asked for again (the server itself waits 5 s after a failure)

/** Where the server writes its RDB, by its own names. Throws SaveRefused where it does not say. */
export async function askWhereSaved(options: SaveOptions): Promise<{ dir: string; file: string; log: string }> {
  const settings = { dir: '', dbfilename: '', logfile: '' }
  for (const name of Object.keys(settings) as (keyof typeof settings)[])
    settings[name] = parseRecord(await ask(options, 'CONFIG', 'GET', name))[name] ?? ''
  const { dir, dbfilename, logfile } = settings
  if (dir !== '' && dbfilename !== '') return { dir, file: `${dir}/${dbfilename}`, log: logfile }
  throw refused(options.target, 'it does not say where it saves (CONFIG GET dir)')
}

/** Where the server keeps its append-only files, by its own names. */
export interface Appended {
  readonly dir: string
  readonly folder: string // in `dir`
  readonly file: string // what the names of its files begin with
  readonly currentBytes: number // of all of them
}

/**
 * Where the append-only directory of a server is that is written to now. One that is being rewritten is waited for: with
 * `appendonly` switched on a moment ago, its files are those of an earlier time until then. Throws SaveRefused where there is none.
 */
export async function askWhereAppended(options: SaveOptions): Promise<Appended> {
  const settings = { dir: '', appenddirname: '', appendfilename: '' }
  for (const name of Object.keys(settings) as (keyof typeof settings)[])
    settings[name] = parseRecord(await ask(options, 'CONFIG', 'GET', name))[name] ?? ''
  const { dir, appenddirname: folder, appendfilename: file } = settings
  let said = false
  const info = await lookUntil(options, (each) => {
    const isIdle = each.get('aof_rewrite_in_progress') !== '1' && each.get('aof_rewrite_scheduled') !== '1'
    if (!isIdle && !said) options.onWait?.('its append-only file is being rewritten')
    said = !isIdle
    return isIdle
  })
  const why =
    info.get('aof_enabled') !== '1'
      ? 'it keeps no append-only file (appendonly no)'
      : folder === ''
        ? 'its append-only file is no directory, as it is since Redis 7 (CONFIG GET appenddirname)'
        : info.get('aof_last_write_status') !== 'ok'
          ? 'it cannot write to its append-only file now (aof_last_write_status)'
          : info.get('aof_last_bgrewrite_status') !== 'ok'
            ? 'its last rewrite failed (aof_last_bgrewrite_status), so that its files may be those of an earlier time'
            : undefined
  if (why === undefined) return { dir, folder, file, currentBytes: infoNumber(info, 'aof_current_size') ?? 0 }
  const hint = 'Choose --method bgsave or --method scan.'
  throw new SaveRefused({ doing: 'collecting the append-only files of', target: options.target, why, hint, exit: 1 })
}

/** Bytes of all its append-only files now, as it counts them. */
export async function askAppendedBytes(options: SaveOptions): Promise<number> {
  return infoNumber(await persistence(options), 'aof_current_size') ?? 0
}

/** Resolves when a save that began after this call is on the server's disk. Throws SaveRefused or SaveFailed. */
export async function saveNow(options: SaveOptions): Promise<void> {
  let before = await waitUntilIdle(options)
  while (!(await begin(options, before))) {
    await pause(options, LOOK_MS)
    before = await waitUntilIdle(options) // what others saved meanwhile does not count
  }
  const after = await waitUntilIdle({ ...options, onWait: () => undefined }) // for our own
  if (after.get('rdb_last_bgsave_status') === 'ok') return
  throw new SaveFailed({
    doing: 'saving the dataset of',
    target: options.target,
    why: 'the save failed (rdb_last_bgsave_status:err)',
    hint: 'The log of the server says why: a full disk, a folder that it may not write to, or a fork that found no memory.',
  })
}

/** True when a save of ours runs or has ended; false when one of somebody else's runs, which began before we asked. */
async function begin(options: SaveOptions, before: Info): Promise<boolean> {
  const isRewriting = (await persistence(options)).get('aof_rewrite_in_progress') === '1'
  if (isRewriting) options.onWait?.('its append-only file is being rewritten')
  const words = isRewriting ? ['BGSAVE', 'SCHEDULE'] : ['BGSAVE']
  try {
    const reply = String(await ask(options, ...words))
    return /scheduled/i.test(reply) ? await waitForPromised(options, before) : true
  } catch (error) {
    const text = error instanceof SaveRefused ? '' : reasonOf(error)
    if (/already in progress/i.test(text)) return false
    if (/Another child process|AOF/i.test(text)) return false // a rewrite began in this very moment
    throw error
  }
}

async function waitForPromised(options: SaveOptions, before: Info): Promise<boolean> {
  let freeSince: number | undefined
  const { clock } = options
  const seen = await lookUntil(options, (info) => {
    if (hasBegun(before, info)) return true
    if (info.get('aof_rewrite_in_progress') === '1') return false
    freeSince ??= clock.monotonic()
    return clock.monotonic() - freeSince > PROMISED_MS
  })
  return hasBegun(before, seen)
}

function waitUntilIdle(options: SaveOptions): Promise<Info> {
  let said = false
  return lookUntil(options, (info) => {
    const isIdle = info.get('rdb_bgsave_in_progress') !== '1'
    if (!isIdle && !said) options.onWait?.('a save is running')
    said = !isIdle
    return isIdle
  })
}

async function lookUntil(options: SaveOptions, isSo: (info: Info) => boolean): Promise<Info> {
  for (let waitMs = LOOK_MS; ; waitMs = Math.min(2 * waitMs, LOOK_AT_MOST_MS)) {
    options.signal.throwIfAborted()
    const info = await persistence(options)
    if (isSo(info)) return info
    await pause(options, waitMs)
  }
}

function pause({ clock }: SaveOptions, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve))
}

/** Saves to disk are counted when they begin, since 7.0; before, the second is known in which the last one ended well. */
function hasBegun(before: Info, now: Info): boolean {
  const field = before.has('rdb_saves') ? 'rdb_saves' : 'rdb_last_save_time'
  return (infoNumber(now, field) ?? 0) > (infoNumber(before, field) ?? 0)
}

async function persistence(options: SaveOptions): Promise<Info> {
  return parseInfo(String(await ask(options, 'INFO', 'persistence')))
}

async function ask({ send, target }: SaveOptions, ...words: string[]): ReturnType<Connection['send']> {
  const [command = '', sub = ''] = words
  if (!COMMANDS.has(command) && !COMMANDS.has(`${command} ${sub}`)) throw new Error(`${command} is not for saving`)
  try {
    return await send(...words)
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    if (error.answer === 'noperm' || /unknown command/i.test(error.message)) throw refused(target, error.message)
    throw error
  }
}

function refused(target: string, why: string): SaveRefused {
  const hint = 'Grant it: ACL SETUSER <user> +bgsave +config|get +info, or choose --method scan.'
  return new SaveRefused({ doing: 'saving the dataset of', target, why, hint, exit: 1, retryable: false })
}
