// In the append-only file stands something that is no command, so that the server does not start. A repair throws away
// all that follows: a replica or a backup mostly has more. A byte that changed within a value is not noticed by anybody,
// since the file has no checksum.

import { formatBytes } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import { endedWith, fileFacts, fileNamed } from '../readings/ended-by-its-files.ts'
import { lastWords } from '../readings/last-run.ts'

// loadSingleAppendOnlyFile of src/aof.c.
const BAD =
  /Bad file format reading the append only file (\S+?):|Unknown command '(.*?)' reading the append only file(?: (\S+))?|Error reading the RDB (?:preamble of the AOF|base) file (\S+), AOF loading aborted/

export default {
  asks: 'Does something stand in the append-only file that is no command?',

  look(server) {
    const words = lastWords(server, BAD)
    if (words === undefined) return undefined
    const [, bad, unknown, ofUnknown, base] = words.match
    const name = bad ?? ofUnknown ?? base ?? 'the append-only file'
    const file = fileNamed(server, name)
    const what = unknown === undefined ? 'something stands in it that is no command' : `"${unknown}" is no command here`
    return endedWith(words, server, {
      says: `${server.id} does not start: ${name}${file === undefined ? '' : ` (${formatBytes(file.bytes)})`} cannot be read, ${what}.`,
      evidence: fileFacts(file),
      ruledOut: [
        { check: 'aof-truncated-tail', by: 'the file goes on behind the place that cannot be read' },
        { check: 'aof-file-missing', by: 'the file is there and could be opened' },
      ],
      actions: [
        {
          id: 'start-server',
          why: 'from a replica or a backup; redis-check-aof --fix throws away all behind the damage and says how many bytes: keep a copy',
        },
      ],
    })
  },
} satisfies ServerCheck
