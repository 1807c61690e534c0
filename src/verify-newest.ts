// Reads the newest base of every shard back, to its last byte: what the daemon does after each base and once a day, so that
// a backup which cannot be read is known before it is needed.

import type { BackupSettings } from './archive-fleet.ts'
import { readCatalog, type DeploymentArchive } from './archive/catalog.ts'
import { newestBase } from './archive/reach.ts'
import { openStorage } from './archive/store/storage.ts'
import { verifyArchive } from './archive/verify.ts'
import type { Clock } from './lib/clock.ts'

export interface VerifyNewestOptions {
  readonly backup: Pick<BackupSettings, 'to' | 'credentialsFile' | 'identities'>
  readonly deployment: string
  readonly clock: Clock
}

export interface VerifiedShard {
  readonly shard: string
  readonly bad: string | undefined // what is damaged; undefined: nothing
}

/** Throws a Fault when the store cannot be asked. What was found good is written down in the archive, too. */
export async function verifyNewest({ backup, deployment, clock }: VerifyNewestOptions): Promise<VerifiedShard[]> {
  const { to, credentialsFile, identities } = backup
  const store = await openStorage(to, { clock, credentialsFile })
  try {
    const [archive] = await readCatalog(store, deployment)
    if (archive === undefined) return []
    const shards: VerifiedShard[] = []
    for (const { shard, base } of newestOf(archive)) {
      const options = { store, identities, only: [base], share: 1, record: true, clock, onProgress: () => undefined }
      const { bad } = await verifyArchive(archive, options)
      shards.push({ shard, bad: bad[0] && `${bad[0].key}: ${bad[0].why}` })
    }
    return shards
  } finally {
    store.close()
  }
}

function newestOf({ shards }: DeploymentArchive): { shard: string; base: string }[] {
  return shards.flatMap((shard) => {
    const newest = newestBase(shard)
    return newest === undefined ? [] : [{ shard: shard.name, base: newest.id }]
  })
}
