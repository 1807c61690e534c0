// `respite verify STORE`: reads an archive back, all of it or some, and says what is not as it was stored. Bases that were
// found good are written down in the archive, so that everybody else knows how old that proof is.

import type { VerifyDocument } from '../../api/contract.ts'
import type { DeploymentArchive } from '../../archive/catalog.ts'
import type { Store } from '../../archive/store/storage.ts'
import { verifyArchive, type Verified } from '../../archive/verify.ts'
import { systemClock } from '../../lib/clock.ts'
import { Fault } from '../../lib/fault.ts'
import { formatBytes, formatCount } from '../../lib/units.ts'
import { textFlag, type Command, type Context, type ExitCode, type Flags } from '../command.ts'
import { ARCHIVE_FLAGS, IDENTITY_FLAG } from '../archive-flags.ts'
import { readArchives, readIdentities, withStore } from '../open-archive.ts'
import { startProgressBar } from '../progress-bar.ts'
import { printable } from '../table.ts'

export default {
  usage: '<store> [id...]',
  describe: 'read an archive back and say what is damaged or missing',
  more:
    'With IDs only these bases. Without --identity an encrypted archive is proved by the hashes of its ciphertext; with it,\n' +
    'everything is decrypted, unpacked and looked into as far as a restore would.',
  flags: {
    ...ARCHIVE_FLAGS,
    ...IDENTITY_FLAG,
    '--sample <percent>': 'only so much of it, other objects each time: 10%',
    '--no-record': 'do not write down in the store which bases were found good',
  },
  exits: {
    0: 'all that was read is good',
    1: 'there are gaps, or objects that the identity does not open',
    2: 'something is damaged, or was lost from the store',
  },

  async run([url = '', ...ids], flags, context) {
    const share = shareOf(textFlag(flags, 'sample'))
    const identities = await readIdentities(flags)
    return withStore(url, flags, async (store) => {
      const archives = await readArchives(store, flags)
      requireBases(store, archives, ids)
      const verified = await verifyAll(store, archives, { ids, share, identities, flags, context })
      const document = documentOf(store.shown, verified, share)
      if (context.json) context.printJson(document)
      else context.out.write(`${linesOf(document).map(printable).join('\n')}\n`)
      return exitOf(document)
    })
  },
} satisfies Command

interface Wanted {
  readonly ids: readonly string[]
  readonly share: number
  readonly identities: readonly string[]
  readonly flags: Flags
  readonly context: Context
}

async function verifyAll(
  store: Store,
  archives: readonly DeploymentArchive[],
  { ids, share, identities, flags, context }: Wanted,
): Promise<Verified[]> {
  const verified: Verified[] = []
  for (const archive of archives) {
    let bar: ReturnType<typeof startProgressBar> | undefined
    try {
      const options = { store, identities, only: ids, share, clock: systemClock }
      verified.push(
        await verifyArchive(archive, {
          ...options,
          record: flags['record'] !== false,
          onProgress(readBytes, ofBytes) {
            bar ??= startProgressBar(context.err, ofBytes)
            bar.show(readBytes)
          },
        }),
      )
    } finally {
      bar?.end()
    }
  }
  return verified
}

function shareOf(text: string | undefined): number {
  if (text === undefined) return 1
  const percent = Number(/^(\d{1,3}(?:\.\d+)?)%?$/.exec(text)?.[1])
  if (percent > 0 && percent <= 100) return percent / 100
  const why = `${JSON.stringify(text)} is no share of more than 0 % and up to 100 %`
  throw new Fault({ doing: 'reading', target: '--sample', why, hint: 'Write --sample 10%', exit: 64 })
}

function requireBases(store: Store, archives: readonly DeploymentArchive[], ids: readonly string[]): void {
  const hint = 'respite backups lists what is there.'
  if (archives.length === 0)
    throw new Fault({ doing: 'verifying', target: store.shown, why: 'there is no archive in it', hint })
  const known = archives.flatMap(({ shards }) =>
    shards.flatMap(({ timelines }) => timelines.flatMap(({ bases }) => bases.map(({ id }) => id))),
  )
  const unknown = ids.find((id) => !known.includes(id))
  if (unknown === undefined) return
  throw new Fault({ doing: 'verifying', target: unknown, why: `${store.shown} has no base of that id`, hint })
}

function documentOf(store: string, all: readonly Verified[], share: number): VerifyDocument {
  const sum = (count: (one: Verified) => number): number => all.reduce((total, one) => total + count(one), 0)
  return {
    store,
    objects: sum(({ objects }) => objects),
    bytes: sum(({ bytes }) => bytes),
    sample: share === 1 ? null : share * 100,
    bad: all.flatMap(({ bad }) => bad.map(({ key, why }) => ({ key, why }))),
    notOpened: all.flatMap(({ notOpened }) => [...notOpened]),
    gaps: all.flatMap(({ deployment, gaps }) => gaps.map((gap) => ({ deployment, ...gap }))),
    unfinished: all.flatMap(({ unfinished }) => [...unfinished]),
    bases: all.flatMap(({ bases }) => [...bases]),
    notRecorded: all.find(({ notRecorded }) => notRecorded !== undefined)?.notRecorded ?? null,
    proved: all.every(({ proved }) => proved === 'plaintext') ? 'plaintext' : 'ciphertext',
  }
}

/** A hole that the archiver did not write down is damage: something was in the store and is not any more. */
function exitOf({ bad, gaps, notOpened }: VerifyDocument): ExitCode {
  if (bad.length > 0 || gaps.some(({ lost }) => lost)) return 2
  return gaps.length > 0 || notOpened.length > 0 ? 1 : 0
}

function linesOf(document: VerifyDocument): string[] {
  const { store, objects, bytes, sample, bad, notOpened, gaps, unfinished, bases, notRecorded, proved } = document
  const share = sample === null ? '' : ` (a sample of ${sample} %)`
  const depth =
    proved === 'plaintext'
      ? 'decrypted, unpacked and looked into'
      : 'of some only the hash of what is stored: an identity opens the rest'
  return [
    `${store}: ${formatCount(objects)} objects, ${formatBytes(bytes)} read${share}; ${depth}`,
    ...bad.map(({ key, why }) => `  ✖ ${key}: ${why}`),
    ...notOpened.map(({ key, why }) => `  ! ${key}: not opened: ${why}`),
    ...gaps.map(({ deployment, shard, timeline, from, to, why, lost }) => {
      const what = lost ? '✖ hole' : '! gap'
      return `  ${what} in ${deployment}, shard ${shard}, timeline ${timeline}: offsets ${from} to ${to}: ${why}`
    }),
    ...unfinished.map((key) => `  unfinished, no backup: ${key}`),
    ...(notRecorded === null ? [] : [`  ! could not write down what was found good: ${notRecorded}`]),
    bad.length + gaps.length + notOpened.length === 0
      ? `All of it is good${bases.length === 0 ? '' : `: ${bases.length} ${bases.length === 1 ? 'base' : 'bases'}`}.`
      : `Good: ${bases.length} ${bases.length === 1 ? 'base' : 'bases'}. Damaged: ${bad.length} objects. Not opened: ${notOpened.length}. Gaps: ${gaps.length}.`,
  ]
}
