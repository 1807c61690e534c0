// What a running daemon knows of a deployment that one look cannot see: what its servers said when they still answered, its
// samples, its backups, and what its configuration declares.

import { askDaemon } from './ask-daemon.ts'
import { findDeployment, type Findable } from './ask-history.ts'
import { memorySchema } from './contract.ts'
import type { BackupsSeen, Declared, HistorySeen } from '../diagnosis/evidence.ts'
import type { Remembered } from '../diagnosis/source.ts'
import { Fault } from '../lib/fault.ts'

export interface Memory {
  readonly remembered: ReadonlyMap<string, Remembered>
  readonly history: HistorySeen | undefined
  readonly backups?: BackupsSeen | undefined
  readonly declared?: Declared | undefined // by its configuration
}

const NOTHING: Memory = { remembered: new Map(), history: undefined }
const TIMEOUT_MS = 2_000

/** That no daemon runs there, or that it does not watch the deployment, is no fault: then nothing is remembered. */
export async function askMemory(dataDir: string, servers: readonly Findable[]): Promise<Memory> {
  try {
    const known = await findDeployment(dataDir, servers)
    if (known === undefined) return NOTHING
    const path = `/api/v1/memory?deployment=${encodeURIComponent(known.name)}`
    const memory = memorySchema.parse(await askDaemon({ dataDir, method: 'GET', path, timeoutMs: TIMEOUT_MS }))
    const remembered = memory.servers.map(({ id, configFile, dataDir, logFile, ...rest }): [string, Remembered] => [
      id,
      { ...rest, places: { configFile, dataDir, logFile } },
    ])
    const { history, backups, declared } = memory
    return { remembered: new Map(remembered), history, backups, declared }
  } catch (error) {
    if (error instanceof Fault) return NOTHING
    throw error
  }
}
