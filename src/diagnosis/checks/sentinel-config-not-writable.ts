// A Sentinel that cannot save what it learns: a restart gives it the topology of long ago, and it may fight a failover
// that the others agreed on. It renames a new file over the old one, so that the folder has to be writable, too.

import type { ServerCheck } from '../check.ts'
import { logFact } from '../readings/reading.ts'

const FAILED =
  /not able to save the new configuration on disk|Could not (?:rename|create|write|open|fsync).*config file/i
const SAVED = /Sentinel new configuration saved on disk/

export default {
  asks: 'Can this Sentinel not write its configuration file?',

  look(server) {
    if (server.role !== 'sentinel') return undefined
    const last = server.log?.entries.findLast(({ text }) => FAILED.test(text) || SAVED.test(text))
    if (last === undefined || SAVED.test(last.text)) return undefined
    const began = server.process?.startedMs
    if (began !== undefined && last.at !== undefined && last.at < began - 1_000) return undefined
    const reason = server.log?.entries.findLast(({ text }) => /Could not .*config file/i.test(text)) ?? last
    const path = server.conf?.path ?? server.places?.conf?.inside
    return {
      kind: 'fault',
      severity: 'warning',
      says: `The Sentinel ${server.id} cannot write its configuration${path === undefined ? '' : ` ${path}`}: ${whyOf(reason.text)}. After a restart it would go by what it knew before.`,
      evidence: [
        logFact(last),
        ...(reason === last ? [] : [logFact(reason)]),
        ...(server.process === undefined
          ? []
          : [
              {
                source: `/proc/${server.process.pid}/status`,
                name: 'user of the process',
                value: String(server.process.uid),
              },
            ]),
      ],
      ruledOut: [{ check: 'sentinel-tilt', by: 'it is the file that it complains of' }],
      alerts: [],
      actions: [{ id: 'repair-data-dir', why: 'the folder of the file has to belong to the user of the Sentinel' }],
    }
  },
} satisfies ServerCheck

function whyOf(text: string): string {
  const reason = /(?:\(([^)]+)\)|!!!: (.+))\s*$/.exec(text)
  return (reason?.[1] ?? reason?.[2] ?? text).toLowerCase()
}
