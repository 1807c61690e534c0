// What is worth knowing of a server once it no longer answers: its process, who it was to others, and where its files are.
// Taken from evidence of a time when it still said so.

import { ownText } from '../lib/own-text.ts'
import type { KnownPlaces } from '../supervisors/supervisor.ts'
import type { Evidence, ServerEvidence } from './evidence.ts'
import { keyCount } from './readings/reading.ts'
import type { Remembered } from './source.ts'

/** By server id; of a server that said nothing of itself, there is nothing to remember. */
export function rememberedFrom({ servers, takenAt }: Evidence): Map<string, Remembered> {
  return new Map(
    servers
      .filter(({ info }) => info !== undefined)
      .map((server) => [server.id, { ...ofServer(server, servers), at: takenAt }]),
  )
}

function ofServer(server: ServerEvidence, all: readonly ServerEvidence[]): Remembered {
  const { info, places, process, supervised, role, id, address } = server
  const pid = process?.pid ?? Number(info?.fields['process_id'] ?? 0)
  const known: KnownPlaces = {
    configFile: places?.conf?.inside,
    dataDir: places?.dir?.inside,
    logFile: places?.log?.inside,
  }
  return {
    address,
    pid: pid > 0 ? pid : undefined,
    places: known,
    outputs: process?.outputs,
    supervisor: supervised?.supervisor,
    role,
    replicas: all.filter(({ primary }) => primary === id).map((replica) => replica.id),
    runId: ownText(info?.fields['run_id']),
    keys: keyCount(server),
  }
}
