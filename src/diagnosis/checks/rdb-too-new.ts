// The snapshot was written by a newer server, or by the other of Redis and Valkey, in a version of the format that this
// one does not know: after a downgrade, or a restore on the wrong machine. Nothing is damaged.

import type { ServerCheck } from '../check.ts'
import { endedWith, fileFacts, fileNamed } from '../readings/ended-by-its-files.ts'
import { lastWords } from '../readings/last-run.ts'
import { setting } from '../readings/reading.ts'

const TOO_NEW = /Can't handle RDB format version (\d+)/ // rdbLoadRioWithLoadingCtx of src/rdb.c
const STARTED = /(?:Redis|Valkey) version=(\S+?),/

export default {
  asks: 'Was the snapshot written by a newer server than this one?',

  look(server) {
    const words = lastWords(server, TOO_NEW)
    if (words === undefined) return undefined
    const version = STARTED.exec(server.log?.entries.findLast(({ text }) => STARTED.test(text))?.text ?? '')?.[1]
    const file = fileNamed(server, setting(server, 'dbfilename') ?? 'dump.rdb')
    const header =
      file?.starts === undefined ? [] : [{ source: 'disk', name: `${file.name} begins with`, value: file.starts }]
    return endedWith(words, server, {
      says: `${server.id} does not start: its snapshot has version ${words.match[1]} of the format, which ${version === undefined ? 'this server' : `version ${version} of the server`} does not know. The data is whole; a newer server reads it.`,
      evidence: [...fileFacts(file), ...header],
      ruledOut: [{ check: 'rdb-corrupt', by: 'the file begins as a snapshot does, and was read no further' }],
      actions: [{ id: 'start-server', why: 'with the version that wrote the file, or a newer one' }],
    })
  },
} satisfies ServerCheck
