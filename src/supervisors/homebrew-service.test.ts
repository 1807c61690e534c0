// Homebrew runs in no test: what `brew services info redis --json` prints stands here as its source makes it.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { commandOfService, parseService, stateOfService } from './homebrew-service.ts'
import { openLooking } from './supervisor.ts'

const SERVICE = {
  name: 'redis',
  service_name: 'homebrew.mxcl.redis',
  running: true,
  loaded: true,
  schedulable: false,
  pid: 812,
  exit_code: 0,
  user: 'ann',
  status: 'started',
  file: '/Users/ann/Library/LaunchAgents/homebrew.mxcl.redis.plist',
  command: '/opt/homebrew/opt/redis/bin/redis-server /opt/homebrew/etc/redis.conf',
  working_dir: '/opt/homebrew/var',
  log_path: '/opt/homebrew/var/log/redis.log',
  error_log_path: '/opt/homebrew/var/log/redis.log',
}
const printed = (changes: object): string => JSON.stringify([{ ...SERVICE, ...changes }])

test('a service of Homebrew runs, or has ended with an exit code', () => {
  const { is, pid, exitCode, command } = stateOfService(parseService(printed({}), 'redis'))
  assert.deepEqual([is, pid, exitCode, command?.[1]], ['running', 812, undefined, '/opt/homebrew/etc/redis.conf'])
  const ended = stateOfService(
    parseService(printed({ running: false, pid: null, exit_code: 1, status: 'error' }), 'redis'),
  )
  assert.deepEqual([ended.is, ended.exitCode, ended.says, ended.pid], ['stopped', 1, 'error (1)', undefined])
  const never = stateOfService(
    parseService(printed({ running: false, pid: null, exit_code: null, status: 'none' }), 'redis'),
  )
  assert.deepEqual([never.is, never.exitCode, never.says], ['stopped', undefined, 'none'])
  assert.equal(stateOfService(parseService('[]', 'redis')).is, 'absent')
})

test('one without a command of its own has none', () => {
  assert.deepEqual(commandOfService({ ...SERVICE, command: null }), [])
})

test('where there is no Homebrew, it could not be asked', async (t) => {
  if (spawnSync('brew', ['--version']).error === undefined) return t.skip('Homebrew is here')
  const looking = await openLooking('homebrew:redis')
  await assert.rejects(looking.state(), { name: 'Fault', why: 'there is no brew here' })
})
