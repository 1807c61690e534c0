// The daemon as people run it, `respite watch`, in a process and a data folder of its own.

import { join } from 'node:path'
import { makeFolder } from '../../lab/children.ts'
import { until } from '../../lab/until.ts'
import { fetchText } from './fetch-text.ts'
import { startOwnProcess, type OwnProcess } from './own-process.ts'

export interface RunningDaemon {
  readonly url: string
  readonly process: OwnProcess<unknown>
}

/** Starts it with these arguments of `watch` and waits until it has looked at every deployment. */
export async function runDaemon(args: readonly string[]): Promise<RunningDaemon> {
  const data = join(makeFolder('daemon'), 'data')
  const flags = ['--listen', '127.0.0.1:0', '--data', data, '--json']
  const process = startOwnProcess<{ event: string; url?: string }>('src/main.ts', ['watch', ...args, ...flags])
  const { event, url } = await process.read()
  if (event !== 'listening' || url === undefined) throw new Error(`the daemon says ${event} first, and not listening`)
  await until('the daemon is ready', () => fetchText(`${url}/readyz`), { timeoutMs: 30_000 })
  return { url, process }
}
