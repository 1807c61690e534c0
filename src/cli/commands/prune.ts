// `respite prune STORE`: what retention would remove, and with --apply removes it.

import { backupsDocument } from '../../api/backups-document.ts'
import type { PruneDocument } from '../../api/contract.ts'
import { readCatalog } from '../../archive/catalog.ts'
import { prune, removalsOf } from '../../archive/prune.ts'
import { DEFAULT_KEEP, planRetention, withoutRemoved, type Keep } from '../../archive/retention.ts'
import { Fault } from '../../lib/fault.ts'
import { formatBytes, parseDurationMs } from '../../lib/units.ts'
import { textFlag, type Command, type ExitCode } from '../command.ts'
import { ARCHIVE_FLAGS } from '../archive-flags.ts'
import { readArchives, withStore } from '../open-archive.ts'
import { printable } from '../table.ts'

export default {
  usage: '<store>',
  describe: 'remove what retention does not keep; a plan unless --apply is given',
  more:
    'Kept are the newest base of each of the last hours, days, weeks and months that have one, all of the stream of the last\n' +
    'days with the base that it begins with, and always the newest base and the newest that was verified.',
  flags: {
    ...ARCHIVE_FLAGS,
    '--keep <what>': 'hourly=24,daily=7,weekly=4,monthly=12,stream=7d (these are the defaults)',
    '--apply': 'remove it',
  },
  exits: {
    0: 'the plan, or with --apply all of it is removed',
    1: 'the store refused to remove something, or a manifest cannot be read',
    2: 'there is no archive, or the store failed',
  },

  async run([url = ''], flags, context) {
    const keep = keepOf(textFlag(flags, 'keep') ?? '')
    const applied = flags['apply'] === true
    return withStore<ExitCode>(url, flags, async (store) => {
      const now = Date.now()
      const archives = await readArchives(store, flags)
      if (archives.length === 0)
        throw new Fault({ doing: 'pruning', target: store.shown, why: 'there is no archive in it' })
      const document: PruneDocument = { store: store.shown, applied, keep, deployments: [], refused: [] }
      for (const archive of archives) {
        const retention = planRetention(archive, keep, now)
        const removals = await removalsOf(store, archive, { retention, now })
        if (applied) document.refused.push(...(await prune(store, { retention, removals, now })))
        const [left] = applied ? await readCatalog(store, archive.name) : [withoutRemoved(archive, retention)]
        document.deployments.push({
          name: archive.name,
          kept: retention.kept.map(({ base, why }) => ({ base: base.id, why: [...why] })),
          removed: removals,
          bytes: removals.reduce((sum, { bytes }) => sum + bytes, 0),
          restorable: left === undefined ? null : (backupsDocument('', [left]).deployments[0]?.restorable ?? null),
        })
      }
      if (context.json) context.printJson(document)
      else context.out.write(`${linesOf(document).map(printable).join('\n')}\n`)
      return document.refused.length > 0 ? 1 : 0
    })
  },
} satisfies Command

function keepOf(text: string): Keep {
  const keep = { ...DEFAULT_KEEP }
  for (const part of text.split(',').filter((each) => each !== '')) {
    const [name = '', value = ''] = part.split('=')
    const streamMs = name === 'stream' ? parseDurationMs(value) : undefined
    if (streamMs !== undefined) keep.streamMs = streamMs
    else if (
      (name === 'hourly' || name === 'daily' || name === 'weekly' || name === 'monthly') &&
      /^\d{1,5}$/.test(value)
    )
      keep[name] = Number(value)
    else {
      const hint = 'Write --keep hourly=24,daily=7,weekly=4,monthly=12,stream=7d; what is left out keeps its default.'
      throw new Fault({
        doing: 'reading',
        target: '--keep',
        why: `${JSON.stringify(part)} is not understood`,
        hint,
        exit: 64,
      })
    }
  }
  return keep
}

function linesOf({ applied, deployments, refused }: PruneDocument): string[] {
  const lines = deployments.flatMap(({ name, kept, removed, bytes, restorable }) => {
    const bases = new Set(removed.filter(({ what }) => what === 'base').map(({ key }) => key.split('/').at(-2)))
    const segments = removed.filter(({ what }) => what === 'segment').length
    const range = restorable === null ? 'nothing' : `${restorable.from} to ${restorable.to}`
    return [
      `${name}: ${applied ? 'removed' : 'would remove'} ${bases.size} bases, ${segments} segments, ${removed.length} objects in all, ${formatBytes(bytes)}`,
      ...[...bases].map((base) => `  - ${base}`),
      ...kept.map(({ base, why }) => `  keeps ${base}: ${why.join(', ')}`),
      `  Can be restored then: ${range}`,
    ]
  })
  const rest = refused.map(({ key, why }) => `  ! not removed: ${key}: ${why}`)
  return [...lines, ...rest, ...(applied ? [] : ['Nothing was removed: --apply does it.'])]
}
