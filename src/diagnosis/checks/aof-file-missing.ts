// Since Redis 7 an append-only file is a folder: a manifest and the files that it names. Where one is missing, as after a
// copy made during a rewrite, the server does not start. A server that runs notices nothing until it is started again.

import type { Answered, ServerCheck } from '../check.ts'
import { endedWith } from '../readings/ended-by-its-files.ts'
import type { FileSeen, ServerEvidence } from '../evidence.ts'
import { lastWords } from '../readings/last-run.ts'
import { hasAppendOnlyFile } from '../readings/snapshots.ts'

// getAppendOnlyFileSize, loadSingleAppendOnlyFile and aofLoadManifestFromFile of src/aof.c.
const MISSING =
  /Unable to obtain the AOF file (\S+) length\. stat: (.+)|The append log file (\S+) doesn't exist: (.+)|(?:can't open the append log file|can't open the AOF manifest file) (\S+)(?: for reading)?: (.+)|\*\*\* FATAL AOF MANIFEST FILE ERROR \*\*\*([^]*)/

export default {
  asks: 'Is a file missing that the manifest of the append-only file names?',
  look: (server) => doesNotStart(server) ?? willNotStart(server),
} satisfies ServerCheck

function doesNotStart(server: ServerEvidence): Answered {
  const words = lastWords(server, MISSING)
  if (words === undefined) return undefined
  const [, stat, statWhy, log, logWhy, open, openWhy, manifest] = words.match
  const name = stat ?? log ?? open
  const why = statWhy ?? logWhy ?? openWhy
  const reason = manifest
    ?.trim()
    .split('\n')
    .findLast((line) => line !== '')
  const says =
    name === undefined
      ? `the manifest of its append-only file cannot be read${reason === undefined ? '' : `: ${reason}`}`
      : `its manifest names ${name}, which cannot be opened (${why})`
  return endedWith(words, server, {
    says: `${server.id} does not start: ${says}. One copy of the whole folder belongs together.`,
    evidence: manifestsOf(server).flatMap((file) => missingFacts(file, server)),
    ruledOut: [{ check: 'aof-corrupt', by: 'no file was read yet' }],
    actions: [
      {
        id: 'start-server',
        why: 'when the whole folder is restored from one backup; without a part of it, data is gone',
      },
    ],
  })
}

function willNotStart(server: ServerEvidence): Answered {
  if (hasAppendOnlyFile(server) !== true) return undefined
  const missing = manifestsOf(server).flatMap((file) => missingFacts(file, server))
  const [first] = missing
  if (first === undefined) return undefined
  return {
    kind: 'risk',
    severity: 'critical',
    says: `The next start will fail: ${first.name} names ${missing.map(({ value }) => value).join(', ')}, which is not there. The server runs on with what it has in memory.`,
    evidence: missing,
    alerts: ['RedisMissingBackup'],
    actions: [
      { id: 'back-up-now', why: 'memory is the only copy' },
      { id: 'enable-aof', why: 'a rewrite makes a new folder of what is in memory' },
    ],
  }
}

function manifestsOf({ disk }: ServerEvidence): readonly FileSeen[] {
  return disk?.files.filter(({ name }) => name.endsWith('.manifest')) ?? []
}

/** The files that a manifest names and that are not beside it: `file NAME seq N type b|i|h`. History (h) may be gone. */
function missingFacts(manifest: FileSeen, { disk }: ServerEvidence): { source: string; name: string; value: string }[] {
  const folder = manifest.name.slice(0, manifest.name.lastIndexOf('/') + 1)
  const named = [...(manifest.starts ?? '').matchAll(/^file (\S+) .*type [bi]/gm)].map(([, name]) => name ?? '')
  const there = new Set(disk?.files.map(({ name }) => name))
  return named
    .filter((name) => !there.has(`${folder}${name}`))
    .map((name) => ({ source: 'disk', name: manifest.name, value: name }))
}
