// A daemon that watches a scene before it is broken: what needs the past is told from its samples, as it is in real life.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeFolder } from '../../lab/children.ts'
import type { Scene } from '../../lab/fault.ts'
import { askMemory } from '../api/ask-memory.ts'
import type { HistorySeen } from '../diagnosis/evidence.ts'
import { parseUrl } from '../redis/url.ts'
import type { Machine } from './command.ts'

export interface WatchedScene {
  /** Its samples, up to one that was taken after the call. */
  history(): Promise<HistorySeen | undefined>
  stop(): Promise<void>
}

const SAMPLE_MS = 1_000

/** Watches it for so long, and goes on. */
export async function watchScene(
  { url, access }: Scene,
  forMs: number,
  machine: Pick<Machine, 'makeConfig' | 'startDaemon'>,
): Promise<WatchedScene> {
  const dataDir = makeFolder('data')
  const passwordFile = join(dataDir, 'login')
  if (access.password !== undefined) writeFileSync(passwordFile, access.password, { mode: 0o600 })
  const login = access.password === undefined ? '' : `, passwordFile: ${passwordFile}`
  const file = join(dataDir, 'respite.yml')
  const lines = [
    'listen: 127.0.0.1:0',
    `data: ${dataDir}`,
    `deployments: [{ name: watched, url: "${url}"${login}, every: { sample: ${SAMPLE_MS}ms } }]`,
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  const config = await machine.makeConfig({ file, urls: [], flags: {} })
  const daemon = await machine.startDaemon({ config, logLevel: 'silent' })
  await sleep(forMs)
  const seeds = parseUrl(url).seeds.map((address) => ({ id: url.replace(/^.*\/\//, ''), address }))
  return {
    async history() {
      await sleep(2 * SAMPLE_MS)
      return (await askMemory(dataDir, seeds)).history
    },
    stop: () => daemon.stop(),
  }
}
