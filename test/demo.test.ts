// `respite demo` as a person without a terminal runs it: it says how to break it, what is broken is seen, and it leaves
// nothing behind however it ends.

import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { makeFolder } from '../lab/children.ts'
import { until } from '../lab/until.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

const MAIN = join(import.meta.dirname, '../src/main.ts')

interface Demo {
  readonly child: ChildProcess
  readonly folder: string // all that it writes is in here
  output(): string
  url(): string
  gone(): Promise<void> // nothing runs and nothing is left of it
}

async function startDemo(t: TestContext): Promise<Demo> {
  const folder = makeFolder('demo')
  const env = { ...process.env, TMPDIR: folder }
  const child = spawn(process.execPath, [MAIN, 'demo'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => void child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => void (output += text))
  const url = (): string => /listening (http:\S+)/.exec(output)?.[1] ?? ''
  await until('the demo listens', () => url() !== '' || child.exitCode !== null, { timeoutMs: 60_000 })
  assert.equal(child.exitCode, null, output)
  const gone = async (): Promise<void> => {
    await until('its folder and its servers are gone', () => readdirSync(folder).length === 0 && strays(folder) === 0)
  }
  return { child, folder, output: () => output, url, gone }
}

/** Processes whose command line or working folder is in the folder, whether it still exists or not. */
function strays(folder: string): number {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && placesOf(name).includes(folder)).length
}

function placesOf(pid: string): string {
  try {
    return `${readFileSync(`/proc/${pid}/cmdline`, 'utf8')} ${readlinkSync(`/proc/${pid}/cwd`)}`
  } catch {
    return '' // it ended while we looked, or is none of ours
  }
}

test('the demo shows nine servers that answer, says how to break them, and Ctrl-C leaves nothing', async (t) => {
  const demo = await startDemo(t)
  const metrics = async (): Promise<string> => (await fetch(`${demo.url()}/metrics`)).text()
  await until('all nine servers are up', async () => (await metrics()).match(/^redis_up\{.*\} 1$/gm)?.length === 9, {
    timeoutMs: 60_000,
  })
  const [, pid] = /kill -9 (\d+)/.exec(demo.output()) ?? []
  process.kill(Number(pid), 'SIGKILL')
  await until('the killed primary is missed', () => /shop primary \S+: connection refused/.test(demo.output()))
  demo.child.kill('SIGINT')
  const [code] = (await once(demo.child, 'close')) as [number | null]
  assert.equal(code, 0, demo.output())
  await demo.gone()
})

test('Ctrl-C ends the demo while a server of it is stopped', async (t) => {
  const demo = await startDemo(t)
  const [, pid] = /kill -STOP (\d+)/.exec(demo.output()) ?? []
  process.kill(Number(pid), 'SIGSTOP')
  await until('the stopped primary is seen', () => /shop primary \S+: process is stopped/.test(demo.output()))
  demo.child.kill('SIGINT')
  assert.equal((await once(demo.child, 'close'))[0], 0, demo.output())
  await demo.gone()
})

test('a demo that is killed with -9 leaves nothing either', async (t) => {
  const demo = await startDemo(t)
  demo.child.kill('SIGKILL')
  await once(demo.child, 'close')
  await demo.gone()
})
