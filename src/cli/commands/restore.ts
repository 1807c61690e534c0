// `respite restore STORE --to-dir DIR`: lays out a moment of an archive as files that redis-server loads by itself. Without
// --yes it says what it would do and writes nothing.

import { resolve } from 'node:path'
import type { RestoreDocument } from '../../api/contract.ts'
import type { Wish } from '../../archive/find-target.ts'
import type { Reading } from '../../archive/read-segment.ts'
import { isMissingObject } from '../../archive/store/open-store.ts'
import { Fault, reasonOf } from '../../lib/fault.ts'
import { formatBytes, formatCount, formatDuration, parseDurationMs } from '../../lib/units.ts'
import { checkFolder, layOut } from '../../restore/lay-out.ts'
import { FORMATS, planRestore, type Format, type RestorePlan } from '../../restore/plan-restore.ts'
import { textFlag, type Command, type Context, type ExitCode, type Flags } from '../command.ts'
import { ARCHIVE_FLAGS, IDENTITY_FLAG } from '../archive-flags.ts'
import { readIdentities, readOneArchive, withStore } from '../open-archive.ts'
import { startProgressBar } from '../progress-bar.ts'
import { printable } from '../table.ts'

const NOT_YET = 'comes with the restore into running servers; refused for now'

export default {
  usage: '<store>',
  describe: 'lay out a moment of an archive as files that redis-server loads',
  more:
    'Which moment: the latest there is, or one of --at, --offset, --id, --before. Without --yes it only says what it would do.\n' +
    'A moment means all writes that came up to it, and none that came later; a transaction is never cut.',
  flags: {
    ...ARCHIVE_FLAGS,
    ...IDENTITY_FLAG,
    '--at <time>': 'ISO 8601 with a zone (2026-11-21T10:47:51Z), or so long ago: -10m',
    '--offset <n>': 'the last place between two transactions up to this replication offset',
    '--id <base>': 'a base as it was taken',
    '--before <point>': 'a restore point: one command before what it is named for',
    '--to-dir <dir>': 'where to: a folder that is empty, or not there yet',
    '--format <format>': 'aof (Redis 7 and later, the default), aof-single (Redis 4 to 6), rdb (of a base)',
    '--yes': 'do it',
    '--to <url>': NOT_YET,
    '--only <pattern...>': NOT_YET,
    '--db <n>': NOT_YET,
    '--transport <how>': NOT_YET,
    '--on-conflict <what>': NOT_YET,
    '--ttl <what>': NOT_YET,
    '--diff': NOT_YET,
  },
  exits: {
    0: 'the plan, or with --yes all files are there',
    1: 'that moment cannot be restored, the folder is not empty or too small, or an identity is needed',
    2: 'something that it needs is damaged or missing',
  },

  async run([url = ''], flags, context) {
    refuseWhatIsToCome(flags)
    const dir = textFlag(flags, 'toDir')
    if (dir === undefined) throw wrong('--to-dir', 'it is missing', 'Say where to: --to-dir /var/lib/redis-restored')
    const wish = wishOf(flags, Date.now())
    const format = formatOf(flags)
    const identities = await readIdentities(flags)
    return withStore<ExitCode>(url, flags, async (store) => {
      const reading: Reading = { store, identities }
      const { document, plan, restored } = await listingAgain(context, async () => {
        const archive = await readOneArchive(store, flags)
        const planned = await planRestore(reading, { archive, wish, format, dir: resolve(dir) })
        await checkFolder(planned)
        const told = documentOf(store.shown, planned, Date.now())
        if (!context.json) context.out.write(`${linesOf(told).map(printable).join('\n')}\n`)
        const done = flags['yes'] === true ? await restore(reading, planned, context) : undefined
        return { document: told, plan: planned, restored: done }
      })
      if (context.json) context.printJson(restored === undefined ? document : { ...document, restored })
      else if (restored === undefined) context.out.write('Nothing was written: --yes does it.\n')
      else context.out.write(`Done: ${formatBytes(restored.bytes)} in ${plan.dir}. Start it with the command above.\n`)
      return 0
    })
  },
} satisfies Command

const LISTINGS = 3

/** What an archiver that runs joins meanwhile is listed again: the same writes lie in other objects then. */
async function listingAgain<T>(context: Context, work: () => Promise<T>): Promise<T> {
  for (let listing = 1; ; listing += 1) {
    try {
      return await work()
    } catch (error) {
      if (!isMissingObject(error) || listing === LISTINGS) throw error
      context.err.write(`${reasonOf(error)}: segments may have been joined meanwhile; lists the archive again\n`)
    }
  }
}

async function restore(
  reading: Reading,
  plan: RestorePlan,
  context: Context,
): Promise<NonNullable<RestoreDocument['restored']>> {
  const bar = startProgressBar(context.err, plan.bytes)
  try {
    const signal = context.interruption()
    const bytes = await layOut(reading, plan, { signal, onProgress: (written) => bar.show(written) })
    const isBase = plan.shards.every(({ streamBytes }) => streamBytes === 0)
    const keys = isBase ? plan.shards.reduce((sum, { target }) => sum + target.base.keys, 0) : null
    return { keys, bytes, skipped: 0, conflicts: 0, verified: true }
  } finally {
    bar.end()
  }
}

function refuseWhatIsToCome(flags: Flags): void {
  const names = ['to', 'only', 'db', 'transport', 'onConflict', 'ttl', 'diff']
  const name = names.find((each) => flags[each] !== undefined)
  if (name === undefined) return
  const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
  const why = 'restoring into a running server comes with Restore; this version restores into a folder'
  throw wrong(flag, why, 'Use --to-dir DIR, start a server on it, and copy from there.')
}

function wishOf(flags: Flags, now: number): Wish {
  const given = ['at', 'offset', 'id', 'before'].filter((name) => flags[name] !== undefined)
  if (given.length > 1)
    throw wrong(`--${given[1]}`, `--${given[0]} says another moment`, 'Give one of --at, --offset, --id, --before.')
  const [at, offset, id, before] = ['at', 'offset', 'id', 'before'].map((name) => textFlag(flags, name))
  if (id !== undefined) return { kind: 'base', id }
  if (before !== undefined) return { kind: 'point', name: before }
  if (at !== undefined) return { kind: 'time', at: timeOf(at, now) }
  if (offset === undefined) return { kind: 'latest' }
  if (/^\d{1,15}$/.test(offset)) return { kind: 'offset', offset: Number(offset) }
  throw wrong('--offset', `${JSON.stringify(offset)} is no offset`, 'It is a number, as master_repl_offset in INFO.')
}

function timeOf(text: string, now: number): number {
  const ago = text.startsWith('-') ? parseDurationMs(text.slice(1)) : undefined
  if (ago !== undefined) return now - ago
  const hint = 'Write 2026-11-21T10:47:51Z, 2026-11-21T11:47:51+01:00, or -10m.'
  const isWhole = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:?\d\d)$/.test(text)
  const at = isWhole ? Date.parse(text.replace(' ', 'T')) : Number.NaN
  if (Number.isNaN(at)) throw wrong('--at', `${JSON.stringify(text)} is no time with a zone`, hint)
  if (at > now) throw wrong('--at', `${text} is still to come`, hint)
  return at
}

function formatOf(flags: Flags): Format {
  const text = textFlag(flags, 'format') ?? 'aof'
  const format = FORMATS.find((known) => known === text)
  if (format !== undefined) return format
  throw wrong('--format', `"${text}" is not known`, `It is one of ${FORMATS.join(', ')}.`)
}

function wrong(flag: string, why: string, hint: string): Fault {
  return new Fault({ doing: 'reading the flag', target: flag, why, hint, exit: 64, retryable: false })
}

function documentOf(store: string, plan: RestorePlan, now: number): RestoreDocument {
  const { deployment, format, at, bytes, shards, notes } = plan
  return {
    store,
    deployment,
    format,
    bytes,
    at: new Date(at).toISOString(),
    ageMs: Math.max(0, Math.round(now - at)),
    shards: shards.map(({ target, streamBytes, bytes: ofShard, folder, start }) => ({
      shard: target.shard,
      timeline: target.timeline.id,
      base: target.base.id,
      baseAt: target.base.at,
      offset: target.offset,
      at: new Date(target.at).toISOString(),
      segments: target.segments.length,
      streamBytes,
      bytes: ofShard,
      keys: target.base.keys,
      folder,
      start,
    })),
    notes: [...notes],
  }
}

function linesOf({ deployment, store, format, at, ageMs, bytes, shards, notes }: RestoreDocument): string[] {
  return [
    `${deployment} from ${store} as it was at ${at}, ${formatDuration(ageMs)} ago; ${formatBytes(bytes)} as ${format}`,
    ...shards.flatMap((shard) => [
      `  shard ${shard.shard}, timeline ${shard.timeline}${shard.offset === null ? '' : `, offset ${shard.offset}`}`,
      `    base     ${shard.base}: ${formatCount(shard.keys)} keys, taken at ${shard.baseAt}`,
      `    stream   ${streamOf(shard)}`,
      `    into     ${shard.folder}`,
      `    start    ${shard.start}`,
    ]),
    ...notes.map((note) => `  ! ${note}`),
  ]
}

function streamOf({ segments, streamBytes }: RestoreDocument['shards'][number]): string {
  if (segments > 0) return `${formatBytes(streamBytes)} in ${segments} segments`
  return streamBytes > 0 ? `${formatBytes(streamBytes)} of the append-only file that it was taken from` : 'none'
}
