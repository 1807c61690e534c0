// `respite rdb FILE`: is this RDB good, and what is in it? Nothing is decoded and nothing is started: the file goes by once,
// in bounded memory, whatever its size.

import { Fault } from '../../lib/fault.ts'
import { Analysis, type AnalysisOptions } from '../../rdb/analysis.ts'
import { openRdb, type OpenedRdb } from '../../rdb/open-rdb.ts'
import { RdbScanner } from '../../rdb/scanner.ts'
import { textFlag, type Command, type Flags, type Output } from '../command.ts'
import { ARCHIVE_FLAGS, IDENTITY_FLAG } from '../archive-flags.ts'
import { startProgressBar } from '../progress-bar.ts'
import { rdbDocument, type FoundInRdb } from '../rdb-document.ts'
import { rdbLines } from '../rdb-lines.ts'

const URL_OF_STORE = /^[a-z][a-z0-9+.-]*:\/\//i

export default {
  usage: '<file>',
  describe: 'check an RDB and say what is in it: namespaces, largest keys, types, TTLs',
  more:
    'FILE may be packed by zstd or gzip, encrypted with age, or both; its content says so, not its name. `-` is standard\n' +
    'input. The URL of an archive means its newest base, or the one whose id stands at its end. Bytes are\n' +
    'those in the file, packed as they are there: in memory a key takes more.',
  flags: {
    ...ARCHIVE_FLAGS,
    '--separator <text>': 'what divides the parts of a name (:)',
    '--depth <n>': 'how many parts of a name make its namespace (1)',
    '--top <n>': 'how many of the largest keys are listed (10)',
    ...IDENTITY_FLAG,
  },
  exits: {
    0: 'the RDB is good',
    1: 'it holds something newer than this Respite, and was analysed up to there; or an identity is needed',
    2: 'it is damaged or cut, or cannot be read; or there is no such base',
  },

  async run([path = ''], flags, context) {
    const options: AnalysisOptions = {
      separator: textFlag(flags, 'separator') ?? ':',
      depth: numberFlag(flags, 'depth', { absent: 1, least: 1 }),
      top: numberFlag(flags, 'top', { absent: 10, least: 0 }),
    }
    const found = await withRdb(path, flags, (rdb) => analyse(rdb, options, context.err))
    const { outcome } = found
    const document = rdbDocument(found)
    // What stands before the damage may be all that is left of the data, so a person gets to see it.
    if (!context.json && (outcome.problem === undefined || document.keys > 0))
      context.out.write(`${rdbLines(document, Date.now(), outcome.problem).join('\n')}\n`)
    if (outcome.problem !== undefined) throw outcome.problem
    if (context.json) context.printJson(document)
    if (outcome.checksum === 'bad') return 2
    return outcome.complete ? 0 : 1
  },
} satisfies Command

/** Opens a path, `-`, or what a URL means, for as long as `use` takes. */
async function withRdb<Result>(path: string, flags: Flags, use: (rdb: OpenedRdb) => Promise<Result>): Promise<Result> {
  if (!URL_OF_STORE.test(path)) return use(await openRdb(path, { identityFile: textFlag(flags, 'identity') }))
  const { withRdbOfUrl } = await import('../archived-rdb.ts') // who has a file does not wait for it
  return withRdbOfUrl(path, flags, use)
}

async function analyse(rdb: OpenedRdb, options: AnalysisOptions, terminal: Output): Promise<FoundInRdb> {
  const analysis = new Analysis(options)
  const scanner = new RdbScanner(analysis, {
    target: rdb.name,
    ...(rdb.bytes === undefined ? {} : { bytes: rdb.bytes }),
    ...(rdb.sum === undefined ? {} : { sum: rdb.sum }),
  })
  const bar = startProgressBar(terminal, rdb.sourceBytes)
  let bytes = 0
  try {
    for await (const chunk of rdb.chunks) {
      scanner.push(chunk)
      bytes += chunk.length
      bar.show(rdb.readBytes())
    }
    return { file: rdb.name, bytes, analysis, outcome: scanner.finish() }
  } finally {
    bar.end()
  }
}

function numberFlag(flags: Flags, name: string, { absent, least }: { absent: number; least: number }): number {
  const text = textFlag(flags, name)
  if (text === undefined) return absent
  const value = Number(text)
  if (/^\d{1,4}$/.test(text) && value >= least) return value
  const why = `${JSON.stringify(text)} is no number from ${least} to 9999`
  throw new Fault({ doing: 'reading', target: `--${name}`, why, exit: 64 })
}
