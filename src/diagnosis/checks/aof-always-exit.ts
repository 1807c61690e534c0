// With `appendfsync always` an answer promises that the write is on disk. A server that cannot keep the promise ends
// itself. Whatever starts it again lets it fail again, until the disk takes something.

import type { ServerCheck } from '../check.ts'
import { endedWith } from '../readings/ended-by-its-files.ts'
import { lastWords } from '../readings/last-run.ts'
import { roomFacts } from '../readings/save-failure.ts'

// flushAppendOnlyFile of src/aof.c.
const ENDED =
  /(?:Can't recover from AOF write error when the AOF fsync policy is 'always'|Can't persist AOF for fsync error when the AOF fsync policy is 'always': (.+?))\. Exiting/
const BEFORE = /Error writing to the AOF file: (.+)|(Short write) while writing to the AOF file/

export default {
  asks: 'Did the server end itself because it could not write its append-only file at once?',

  look(server) {
    const words = lastWords(server, ENDED)
    if (words === undefined) return undefined
    const [, errno, short] = lastWords(server, BEFORE)?.match ?? []
    const why = words.match[1] ?? errno ?? (short === undefined ? '' : 'no room for all of it')
    return endedWith(words, server, {
      says: `${server.id} ended itself: it could not write its append-only file${why === '' ? '' : ` (${why})`}, and with appendfsync always it must not go on. It will end again as long as the disk takes nothing.`,
      evidence: roomFacts(server),
      ruledOut: [{ check: 'aof-write-error', by: 'the policy is always: it does not refuse writes, it ends' }],
      actions: [
        { id: 'remove-stale-temp-files', why: 'room first: a start without it fails again' },
        { id: 'start-server', why: 'when there is room; every write that was answered is in the file' },
      ],
    })
  },
} satisfies ServerCheck
