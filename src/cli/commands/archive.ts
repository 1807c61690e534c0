// `respite archive URL --to STORE`: a base, and from then on every write, until it is stopped.

import type { ArchiveEvent } from '../../archive/archiver.ts'
import type { ShardReport } from '../../archive-fleet.ts'
import { NOTHING_EXPECTED } from '../../fleet/standing.ts'
import { watchFleet } from '../../fleet/watch-fleet.ts'
import { systemClock } from '../../lib/clock.ts'
import { Fault } from '../../lib/fault.ts'
import { silentLog } from '../../lib/log.ts'
import { formatBytes, formatCount, formatDuration, parseDurationMs } from '../../lib/units.ts'
import { BACKUP_FLAGS, backupSettings } from '../backup-flags.ts'
import { textFlag, type Command, type Flags } from '../command.ts'
import { CONNECTION_FLAGS } from '../connection-flags.ts'

const STATUS_EVERY_MS = 10_000
const LIVE_EVERY_MS = 1_000

export default {
  usage: '<url>',
  describe: 'keep every write of a deployment in a store, until stopped',
  more:
    'Attaches to a replica where there is one. Goes on where it was after a restart of either side. ' +
    'To run it for good, put a `backup:` section into the configuration of `respite watch`.',
  flags: {
    ...BACKUP_FLAGS,
    '--every <duration>': 'how often a new base is taken (6h)',
    '--data <dir>': 'folder for what waits while the store is away',
    '--json': 'print one object for each event',
    ...CONNECTION_FLAGS,
  },
  exits: {
    0: 'stopped by a signal; all that had arrived is in the store',
    1: 'another archiver writes there',
    2: 'failed',
  },

  async run([url = ''], flags, context) {
    const backup = { ...(await backupSettings(flags)), everyMs: everyOf(flags) }
    const deployment = await context.deploymentOfUrl(url, flags)
    const name = textFlag(flags, 'name') ?? deployment.name
    const signal = context.interruption()
    const lost = Promise.withResolvers<string>()
    const print = (document: { readonly event: string }, text: string): void => {
      if (context.json) context.printJson(document)
      else if (text !== '') context.out.write(`${new Date().toISOString()} ${text}\n`)
    }
    const onEvent = (event: ArchiveEvent): void => {
      print(event, inWords(event))
      if (event.event === 'lost') lost.resolve(event.why)
    }
    const options = { ...deployment, name }
    const fleet = watchFleet({ deployments: [options], expected: NOTHING_EXPECTED, clock: systemClock, log: silentLog })
    try {
      const archive = await context.archiveFleet({
        fleet,
        deployment: name,
        backup,
        signal,
        onEvent,
        clock: systemClock,
        log: silentLog,
        dataDir: textFlag(flags, 'data') ?? context.defaultDataDir,
      })
      print(
        { event: 'archiving', deployment: name, store: archive.store } as { event: string },
        `archives ${name} to ${archive.store}`,
      )
      const live = context.out.isTTY === true && !context.json
      const timer = setInterval(
        () => {
          for (const status of archive.status()) {
            if (live) context.out.write(`\r${describe(status)}\u001b[K`)
            else print({ event: 'status', ...status }, describe(status))
          }
        },
        live ? LIVE_EVERY_MS : STATUS_EVERY_MS,
      )
      const interrupted = new Promise<undefined>((resolve) => {
        if (signal.aborted) resolve(undefined)
        signal.addEventListener('abort', () => resolve(undefined))
      })
      const why = await Promise.race([interrupted, lost.promise])
      clearInterval(timer)
      await archive.stop()
      print({ event: 'stopped' }, 'stopped')
      return why === undefined ? 0 : 1
    } finally {
      fleet.stop()
    }
  },
} satisfies Command

function everyOf(flags: Flags): number {
  const text = textFlag(flags, 'every') ?? '6h'
  const every = parseDurationMs(text)
  if (every !== undefined && every >= 1_000) return every
  throw new Fault({
    doing: 'reading the flag',
    target: '--every',
    exit: 64,
    retryable: false,
    why: every === undefined ? `"${text}" is no duration` : 'it is shorter than a second',
    hint: 'Write 6h, 30m or 1d.',
  })
}

function describe(status: ShardReport): string {
  const { shard, link, source, received, durable, lagSeconds, outbox, lastBase, why } = status
  const of = shard === '0' ? '' : `shard ${shard}: `
  if (link !== 'streaming')
    return `${of}${link}${source === undefined ? '' : ` ${source}`}${why === undefined ? '' : `: ${why}`}`
  const waiting =
    outbox.waiting === 0 ? '' : `, ${formatBytes(outbox.memoryBytes + outbox.spoolBytes)} wait for the store`
  const lag = lagSeconds === undefined ? 'lag unknown' : `lag ${lagSeconds.toFixed(1)} s`
  const base =
    lastBase === undefined ? 'no base yet' : `last base ${formatDuration(Date.now() - Date.parse(lastBase.at))} ago`
  return `${of}streaming from ${source}: offset ${durable ?? '–'} of ${received ?? '–'} is in the store, ${lag}, ${base}${waiting}`
}

/** What happened, for a log; '' for what is not worth a line. */
function inWords(event: ArchiveEvent): string {
  const of = 'shard' in event && event.shard !== '0' ? `shard ${event.shard}: ` : ''
  switch (event.event) {
    case 'base': {
      const { id, keys, rdb, offset, tookMs } = event.base
      return `${of}base ${id} is in the store: ${formatCount(keys)} keys, ${formatBytes(rdb.storedBytes)}, offset ${offset ?? 'unknown'}, in ${formatDuration(tookMs)}`
    }
    case 'base-failed':
      return `${of}a base failed: ${event.why}${event.hint === undefined ? '' : ` (${event.hint})`}`
    case 'gap':
      return `${of}gap from offset ${event.gap.from} to ${event.gap.to}: ${event.gap.why}; a new base closes it`
    case 'timeline':
      return `${of}timeline ${event.timeline.timeline} begins: ${event.timeline.why}`
    case 'link':
      return event.state === 'lost' || event.state === 'streaming' || event.state === 'stopped'
        ? `${of}${event.state}${event.source === undefined ? '' : ` ${event.source}`}${event.why === undefined ? '' : `: ${event.why}`}`
        : ''
    case 'point':
      return `restore point ${event.point.name} before ${event.point.command}: ${formatCount(event.point.keysLost)} keys were taken away`
    case 'warning':
      return event.says
    case 'lost':
      return `stops: ${event.why}`
  }
}
