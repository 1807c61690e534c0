// Does the next start read the append-only file that is written now? It does not when the file was switched on while the
// server ran and nobody wrote that down.

import type { ServerEvidence } from '../evidence.ts'
import { lastRun } from './last-run.ts'
import { infoNumber } from './reading.ts'

// aofOpenIfNeededOnServerStart and loadAppendOnlyFiles of src/aof.c (7.0), loadDataFromDisk of src/server.c.
const ON_AT_START = /AOF (?:base|incr) file \S+ on server start|DB loaded from (?:append only file|base file|incr file)/

/** What a start would find; 'yes' when it is right. Undefined where that was not seen. */
export function appendOnlyInConf({ conf, info }: ServerEvidence): string | undefined {
  if (conf !== undefined) {
    const value = conf.directives['appendonly']
    if (value === 'yes' || 'include' in conf.directives) return 'yes' // what is included may say it
    return value === undefined ? `${conf.path} says nothing of it` : `${conf.path} says appendonly ${value}`
  }
  return info?.fields['config_file'] === '' ? 'it has no configuration file' : undefined
}

/** Then its command line asked for it, and will again. A rewrite is made when it is switched on at run time. */
function wasAppendOnlyAtStart(server: ServerEvidence): boolean {
  return infoNumber(server, 'aof_rewrites') === 0 || lastRun(server).some(({ text }) => ON_AT_START.test(text))
}

/** False: what it holds is passed over by the next start, as far as can be seen. */
export function readsAppendOnlyAtStart(server: ServerEvidence): boolean {
  const inFile = appendOnlyInConf(server)
  return inFile === undefined || inFile === 'yes' || wasAppendOnlyAtStart(server)
}
