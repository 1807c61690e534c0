// The frame of the command line: what it prints where, the exit codes of the contract, and that every command says its
// own in its help. Run in this process; test/command-line.test.ts does the same from outside, with servers.

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { faultSchema } from '../api/contract.ts'
import { parseUrl } from '../redis/url.ts'
import type { Machine } from './command.ts'
import { runCommandLine } from './program.ts'

const NOWHERE = '/nonexistent/respite'
const NOBODY = 'redis://127.0.0.1:1' // no server listens on port 1

const bug = (): Promise<never> => Promise.reject(new TypeError('a planted bug'))

const machine: Machine = {
  startDaemon: bug,
  makeConfig: bug,
  async deploymentOfUrl(url) {
    const target = parseUrl(url)
    const { access } = target
    const settings = { every: { livenessMs: 1_000, sampleMs: 5_000 }, canary: false, expect: {}, settings: {} }
    return {
      name: url,
      target,
      access,
      sentinelAccess: undefined,
      addresses: new Map(),
      dataClass: 'store',
      namespaces: [],
      ...settings,
    }
  },
  archiveFleet: bug,
  backupFleet: bug,
  checkBackup: bug,
  defaultDataDir: NOWHERE,
}

async function run(...argv: string[]): Promise<{ exit: number; out: string; err: string }> {
  const said = { out: '', err: '' }
  const exit = await runCommandLine({
    argv,
    version: '1.2.3',
    machine,
    out: { write: (text) => (said.out += text) },
    err: { write: (text) => (said.err += text) },
    env: {},
    interruption: () => new AbortController().signal,
  })
  return { exit, ...said }
}

const commands = readdirSync(join(import.meta.dirname, 'commands'))
  .filter((file) => !file.endsWith('.test.ts'))
  .map((file) => file.replace(/\.ts$/, ''))

describe('respite', () => {
  it('without a command says what there is, and that this is wrong usage', async () => {
    const { exit, out, err } = await run()
    assert.deepEqual([exit, out], [64, ''])
    for (const name of commands) assert.match(err, new RegExp(`^  ${name} `, 'm'))
  })

  it('prints its version', async () => {
    assert.deepEqual(await run('--version'), { exit: 0, out: '1.2.3\n', err: '' })
  })

  it('suggests the command and the flag that were probably meant', async () => {
    const command = await run('metrisc')
    assert.equal(command.exit, 64)
    assert.match(command.err, /Did you mean metrics\?/)
    const flag = await run('metrics', NOBODY, '--pasword-file', 'x')
    assert.equal(flag.exit, 64)
    assert.match(flag.err, /Did you mean --password-file\?/)
  })

  for (const name of commands)
    it(`${name} --help says what it does and its exit codes`, async () => {
      const { exit, out, err } = await run(name, '--help')
      assert.deepEqual([exit, err], [0, ''])
      assert.match(out, new RegExp(`^Usage: respite ${name}`))
      assert.match(out, /\nExit status:\n {2}0 .*\n(.*\n)* {2}64 {2}wrong usage\n/)
    })
})

describe('a failed command', () => {
  it('tells a person what failed, why, and what to do first', async () => {
    const { exit, out, err } = await run('metrics', NOBODY)
    assert.deepEqual([exit, out], [2, ''])
    assert.match(err, /^asking redis:\/\/127\.0\.0\.1:1: connection refused \(.*\)\n {2}On its host: /)
    assert.doesNotMatch(err, /\n\s+at /, 'a stack is for bugs')
  })

  it('with --json prints one document and nothing else there', async () => {
    const { exit, out, err } = await run('fleet', '--json')
    assert.deepEqual([exit, err], [2, ''])
    const { fault } = faultSchema.parse(JSON.parse(out))
    assert.deepEqual([fault.doing, fault.why], ['asking the daemon at', 'no daemon runs there'])
  })

  it('with --json says wrong usage in JSON as well', async () => {
    for (const argv of [['a', 'b', 'c'], ['accept'], ['drop', 'x'], ['--jsno']]) {
      const { exit, out, err } = await run('fleet', ...argv, '--json')
      assert.deepEqual([exit, err], [64, ''], argv.join(' '))
      assert.equal(faultSchema.parse(JSON.parse(out)).fault.target, 'respite fleet')
    }
  })

  it('that is a bug shows its stack, and with --json a fault as well', async () => {
    const { exit, out, err } = await run('watch', NOBODY, '--json')
    assert.equal(exit, 2)
    assert.match(err, /^TypeError: a planted bug\n\s+at /)
    assert.match(faultSchema.parse(JSON.parse(out)).fault.hint, /This is a bug/)
  })

  it('never shows a password', async () => {
    const url = 'redis://u:geheim@127.0.0.1'
    for (const argv of [
      ['metrics', `${url}:1`],
      ['doctor', `${url}:x`, '--json'],
      ['metrics', url, url],
      ['watch', url],
    ]) {
      const { exit, out, err } = await run(...argv)
      assert.notEqual(exit, 0)
      assert.doesNotMatch(out + err, /geheim/)
    }
  })
})
