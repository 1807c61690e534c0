// `respite logs` on real servers: the log as it was written, filtered, and where it came from; or why it cannot be seen.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { makeFolder } from '../lab/children.ts'
import { startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { faultSchema, logsSchema, type LogsDocument } from '../src/api/contract.ts'
import { RESPITE } from './daemon-process.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

function logs(...args: string[]): Promise<{ exit: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(RESPITE, ['logs', ...args], { maxBuffer: 1e8 }, (error, out, err) => {
      resolve({ exit: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err })
    })
  })
}

async function logsDocument(...args: string[]): Promise<LogsDocument> {
  return logsSchema.parse(JSON.parse((await logs(...args, '--json')).out))
}

async function started(t: TestContext, ...conf: string[]): Promise<Server> {
  const server = await startServer({ conf })
  t.after(() => server.stop())
  return server
}

test('the log of a server is its file, as it was written', async (t) => {
  const server = await started(t)
  const { exit, out, err } = await logs(server.url)
  assert.equal(exit, 0, err)
  assert.equal(out.replaceAll(/\s+$/gm, ''), readFileSync(server.logFile, 'utf8').replaceAll(/\s+$/gm, ''))
  assert.ok(err.includes(`from ${server.logFile}`), err)
})

test('only what is recent and important, when so wanted', async (t) => {
  const server = await started(t)
  await server.cli('CONFIG', 'SET', 'loglevel', 'debug')
  appendFileSync(
    server.logFile,
    '1:M 01 Jan 2020 00:00:00.000 # of old\n1:M 01 Jan 2020 00:00:00.001 * and its notice\n',
  )
  const warnings = await logsDocument(server.url, '--level', 'warning')
  assert.ok(warnings.entries.length > 0 && warnings.entries.every(({ level }) => level === 'warning'))
  assert.ok(!warnings.entries.some(({ text }) => text === 'of old'))
  const all = await logsDocument(server.url, '--since', '2019-12-31T00:00:00Z')
  assert.ok(all.entries.length > warnings.entries.length)
  assert.ok(all.entries.some(({ text, at }) => text === 'of old' && at?.startsWith('20')))
  assert.equal(all.sources[0]?.source, server.logFile)
})

test('without a log file it is what the process writes on standard output, when that is a file', async (t) => {
  const server = await started(t, 'logfile ""')
  const { sources, entries } = await logsDocument(server.url)
  assert.deepEqual(sources, [{ source: `process:${server.pid}`, entries: entries.length }])
  assert.ok(
    entries.some(
      ({ text, role, pid }) => text === 'Ready to accept connections' && role === 'primary' && pid === server.pid,
    ),
  )
})

test('a server that is not allowed to tell, or does not answer, has a log all the same', async (t) => {
  const server = await started(t, 'logfile ""')
  await server.kill('SIGSTOP')
  const { entries } = await logsDocument(server.url)
  assert.ok(entries.some(({ text }) => text === 'Ready to accept connections'))
})

test('what a crash leaves is read from the file, and nothing of it is lost', async (t) => {
  const server = await started(t)
  await server.kill('SIGSEGV')
  await server.exited
  const { out, exit, err } = await logs(server.url, '--log', server.logFile, '--level', 'warning')
  assert.equal(exit, 0, err)
  const written = readFileSync(server.logFile, 'utf8')
  const report = written.slice(written.indexOf('=== REDIS BUG REPORT START')).split('\n')
  const missing = report.filter((line) => line.trim() !== '' && !out.includes(line.trimEnd()))
  assert.deepEqual(missing, [])
  assert.ok(report.length > 50)
})

test('a long log is read from its end', async (t) => {
  const server = await started(t)
  const long = join(makeFolder('long-log'), 'redis.log')
  writeFileSync(long, '1:M 01 Jan 2020 00:00:00.000 * long ago, and nobody asks for it any more\n'.repeat(200_000))
  await until('there is a line of now', async () => (await server.cli('PING')) === 'PONG')
  appendFileSync(long, readFileSync(server.logFile))
  const { entries } = await logsDocument(server.url, '--log', long)
  assert.ok(entries.length > 3 && entries.length < 50)
  assert.deepEqual(
    entries.filter(({ text }) => text.startsWith('long ago')),
    [],
  )
})

test('where no log can be seen, it says why and what to do, and exits with 2', async (t) => {
  const server = await started(t)
  const elsewhere = await logs('redis://192.0.2.1:6379', '--json')
  assert.equal(elsewhere.exit, 2)
  const { fault } = faultSchema.parse(JSON.parse(elsewhere.out))
  assert.match(fault.why, /the server is on another machine/)
  assert.match(fault.hint, /--supervisor docker:NAME/)
  const named = await logs(server.url, '--log', '/nowhere/redis.log')
  assert.equal(named.exit, 2)
  assert.match(named.err, /reading the log \/nowhere\/redis\.log: there is no such file/)
  const ended = await logs(server.url, '--supervisor', 'process:4194305')
  assert.deepEqual([ended.exit, ended.out], [2, ''])
  assert.match(ended.err, /there is no such process/)
})

test('a wrong time, level or supervisor is wrong usage', async () => {
  for (const flags of [
    ['--since', 'yesterday'],
    ['--level', 'loud'],
    ['--supervisor', 'runit:redis'],
  ])
    assert.equal((await logs('redis://127.0.0.1:1', ...flags)).exit, 64, flags.join(' '))
})
