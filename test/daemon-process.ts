// `respite watch --json` as a process of its own, as people run it. Ends with its test, however the test ends.

import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { until } from '../lab/until.ts'
import { watchEventSchema } from '../src/api/contract.ts'

export const RESPITE = join(import.meta.dirname, '..', 'respite')

export interface DaemonProcess {
  readonly child: ChildProcess
  readonly url: string // of its HTTP API
  readonly lines: readonly string[] // what it has printed, one event each
  /** SIGTERM; it has to end with 0. */
  stop(): Promise<void>
}

const PATIENTLY = { timeoutMs: 40_000 } // a process takes its time to start on a busy machine

/** Starts it with these words and waits until it listens. */
export async function startDaemonProcess(t: TestContext, cwd: string, ...args: string[]): Promise<DaemonProcess> {
  const all = ['watch', '--json', '--listen', '127.0.0.1:0', ...args]
  const child = spawn(RESPITE, all, { cwd, stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  await until('the daemon listens', () => lines.length > 0, PATIENTLY)
  const first = watchEventSchema.parse(JSON.parse(lines[0] ?? ''))
  assert.ok(first.event === 'listening')
  const stop = async (): Promise<void> => {
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    assert.deepEqual(await exited, [0, null])
  }
  return { child, url: first.url, lines, stop }
}
