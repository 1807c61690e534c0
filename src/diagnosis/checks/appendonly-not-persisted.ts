// The append-only file was switched on while the server ran, and its configuration file knows nothing of it: the next
// start goes without, loads an old snapshot or nothing at all, and what stands in the append-only file is passed over.

import { formatBytes, formatDuration } from '../../lib/units.ts'
import type { Fact, ServerCheck } from '../check.ts'
import type { ServerEvidence } from '../evidence.ts'
import { lastRun, showsStart } from '../last-run.ts'
import { infoFact, infoNumber, keyCount, settingFact } from '../reading.ts'
import { hasAppendOnlyFile, lastDump } from '../snapshots.ts'

// aofOpenIfNeededOnServerStart and loadAppendOnlyFiles of src/aof.c (7.0), loadDataFromDisk of src/server.c.
const ON_AT_START = /AOF (?:base|incr) file \S+ on server start|DB loaded from (?:append only file|base file|incr file)/

export default {
  asks: 'Would the next start go without the append-only file?',

  look(server, { takenAt }) {
    if (hasAppendOnlyFile(server) !== true || (keyCount(server) ?? 0) === 0) return undefined
    const inFile = inConfFile(server)
    if (inFile === undefined || inFile === 'yes' || wasOnAtStart(server)) return undefined
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

/** What a start would find; 'yes' when it is right. Undefined where that was not seen. */
function inConfFile({ conf, info }: ServerEvidence): string | undefined {
  if (conf !== undefined) {
    const value = conf.directives['appendonly']
    if (value === 'yes' || 'include' in conf.directives) return 'yes' // what is included may say it
    return value === undefined ? `${conf.path} says nothing of it` : `${conf.path} says appendonly ${value}`
  }
  return info?.fields['config_file'] === '' ? 'it has no configuration file' : undefined
}

/** Then its command line asked for it, and will again. A rewrite is made when it is switched on at run time. */
function wasOnAtStart(server: ServerEvidence): boolean {
  return infoNumber(server, 'aof_rewrites') === 0 || lastRun(server).some(({ text }) => ON_AT_START.test(text))
}

function confFacts({ conf }: ServerEvidence): Fact[] {
  return conf === undefined
    ? []
    : [{ source: conf.path, name: 'appendonly', value: conf.directives['appendonly'] ?? 'not in it' }]
}
