// The append-only file was switched on while the server ran, and its configuration file knows nothing of it: the next
// start goes without, loads an old snapshot or nothing at all, and what stands in the append-only file is passed over.

import { formatBytes, formatDuration } from '../../lib/units.ts'
import type { Fact, ServerCheck } from '../check.ts'
import type { ServerEvidence } from '../evidence.ts'
import { appendOnlyInConf, readsAppendOnlyAtStart } from '../readings/append-only-at-start.ts'
import { showsStart } from '../readings/last-run.ts'
import { infoFact, keyCount, settingFact } from '../readings/reading.ts'
import { hasAppendOnlyFile, lastDump } from '../readings/snapshots.ts'

export default {
  asks: 'Would the next start go without the append-only file?',

  look(server, { takenAt }) {
    if (hasAppendOnlyFile(server) !== true || (keyCount(server) ?? 0) === 0) return undefined
    if (readsAppendOnlyAtStart(server)) return undefined
    const inFile = appendOnlyInConf(server)
    const isProven = showsStart(server)
    const dump = lastDump(server)
    const age = dump === undefined ? '' : `, ${formatDuration(takenAt - dump.modifiedMs)} old`
    const instead =
      server.disk === undefined
        ? 'from its last snapshot, or empty'
        : dump === undefined
          ? 'empty: there is no snapshot'
          : `from ${dump.name} (${formatBytes(dump.bytes)}${age})`
    return {
      kind: 'risk',
      severity: isProven ? 'warning' : 'info',
      says: `The append-only file was switched on while the server ran, and ${inFile}. The next start begins ${instead}.${isProven ? '' : ' Unless its command line says otherwise, which cannot be seen.'}`,
      evidence: [
        settingFact(server, 'appendonly'),
        ...confFacts(server),
        infoFact(server, 'persistence', 'aof_rewrites'),
      ],
      ruledOut: isProven
        ? [{ check: 'restore-ignored', by: 'its log shows no append-only file at the start of this run' }]
        : [],
      alerts: ['RedisMissingBackup'],
      brings: ['config-drift'],
      actions: [
        { id: 'rewrite-config', why: 'CONFIG REWRITE writes appendonly yes into its file; then look that it is there' },
      ],
    }
  },
} satisfies ServerCheck

function confFacts({ conf }: ServerEvidence): Fact[] {
  return conf === undefined
    ? []
    : [{ source: conf.path, name: 'appendonly', value: conf.directives['appendonly'] ?? 'not in it' }]
}
