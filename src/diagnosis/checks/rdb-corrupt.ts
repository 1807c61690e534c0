// The snapshot from which the server starts is damaged: it was cut, or bytes in it changed. The file is to be moved away
// and kept, never deleted, and a primary that would start empty then takes the data of its replicas with it.

import { formatBytes } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import { endedWith, fileFacts, fileNamed } from '../readings/ended-by-its-files.ts'
import { lastWords } from '../readings/last-run.ts'
import { setting } from '../readings/reading.ts'

// rdbLoadRioWithLoadingCtx and rdbReportError of src/rdb.c.
// The first that was said is the one that tells most.
const BAD: readonly (readonly [RegExp, string])[] = [
  [/Wrong signature trying to load DB from file/, 'it does not begin as a snapshot does'],
  [/Wrong RDB checksum expected: .*/, 'its checksum is wrong: bytes in it changed'],
  [/Short read or OOM loading DB|Unexpected EOF reading RDB file/, 'it ends too soon'],
  [/Internal error in RDB reading offset \d+.*/, 'what stands in it makes no sense'],
  [/Terminating server after rdb file reading failure/, 'what stands in it makes no sense'],
]

export default {
  asks: 'Is the snapshot damaged from which the server starts?',

  look(server) {
    if (lastWords(server, /Can't handle RDB format version/) !== undefined) return undefined
    const [said] = BAD.flatMap(([pattern, what]) => {
      const words = lastWords(server, pattern)
      return words === undefined ? [] : [{ words, what }]
    })
    if (said === undefined) return undefined
    const { words, what } = said
    const file = fileNamed(server, setting(server, 'dbfilename') ?? 'dump.rdb')
    const header =
      file?.starts === undefined ? [] : [{ source: 'disk', name: `${file.name} begins with`, value: file.starts }]
    return endedWith(words, server, {
      says: `${server.id} does not start: its snapshot${file === undefined ? '' : ` ${file.name} (${formatBytes(file.bytes)})`} is damaged, ${what}.`,
      evidence: [...fileFacts(file), ...header],
      ruledOut: [
        { check: 'rdb-too-new', by: 'its version is one that this server reads' },
        { check: 'cannot-start', by: 'its configuration was read: it fails at the data' },
      ],
      actions: [
        { id: 'promote-replica', why: 'where a replica has the data: before this server starts empty' },
        {
          id: 'start-server',
          why: 'after the file was moved away and kept, from a backup; empty it would empty its replicas',
        },
      ],
    })
  },
} satisfies ServerCheck
