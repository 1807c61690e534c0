// systemd runs in no test: what its programs print stands here as they print it (systemd 252), and the one thing that the
// real systemctl can say without it is that it cannot be asked.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { openLooking } from './supervisor.ts'
import {
  commandOfUnit,
  limitsOfUnit,
  lineOfJournal,
  parseUnit,
  parseUnits,
  stateOfUnit,
  unitName,
} from './systemd-unit.ts'

const BOOT_MS = 1_795_000_000_000
const RUNNING = `Restart=always
NRestarts=2
Result=success
MainPID=812
ExecMainCode=0
ExecMainStatus=0
ExecMainExitTimestampMonotonic=0
ExecStart={ path=/usr/bin/redis-server ; argv[]=/usr/bin/redis-server /etc/redis/redis.conf --supervised systemd --daemonize no --requirepass geheim ; ignore_errors=no ; start_time=[Sat 2026-11-21 10:00:00 UTC] ; stop_time=[n/a] ; pid=812 ; code=(null) ; status=0/0 }
WorkingDirectory=
MemoryCurrent=18446744073709551615
MemoryMax=2147483648
CPUQuotaPerSecUSec=1s 500ms
LimitNOFILESoft=65535
LoadState=loaded
ActiveState=active
FreezerState=running
SubState=running
StateChangeTimestampMonotonic=61000000
ActiveEnterTimestampMonotonic=61000000
InactiveEnterTimestampMonotonic=60000000
`
const changed = (changes: Record<string, string>): ReturnType<typeof parseUnit> =>
  new Map([...parseUnit(RUNNING), ...Object.entries(changes)])

test('a unit that runs: since when, as what, and within which limits', () => {
  const unit = parseUnit(RUNNING)
  const { is, sinceMs, pid, exitCode, restarts, restartPolicy, command } = stateOfUnit(unit, BOOT_MS)
  assert.deepEqual(
    [is, sinceMs, pid, exitCode, restarts, restartPolicy],
    ['running', BOOT_MS + 61_000, 812, undefined, 2, 'always'],
  )
  assert.deepEqual(command?.slice(-2), ['--requirepass', '(redacted)'])
  assert.equal(commandOfUnit(unit)[1], '/etc/redis/redis.conf')
  assert.deepEqual(limitsOfUnit(unit), {
    memoryLimitBytes: 2 ** 31,
    memoryUsedBytes: undefined,
    cpuLimitCores: 1.5,
    openFiles: undefined,
    openFilesLimit: 65_535,
  })
  const unlimited = changed({ MemoryMax: 'infinity', MemoryCurrent: '[not set]', CPUQuotaPerSecUSec: 'infinity' })
  assert.deepEqual(
    [limitsOfUnit(unlimited).memoryLimitBytes, limitsOfUnit(unlimited).cpuLimitCores],
    [undefined, undefined],
  )
})

test('how a unit ended: by itself, by a signal, for want of memory; and whether it is tried again', () => {
  const ended = {
    MainPID: '0',
    ExecMainExitTimestampMonotonic: '62000000',
    InactiveEnterTimestampMonotonic: '62000000',
  }
  const of = (changes: Record<string, string>): ReturnType<typeof stateOfUnit> =>
    stateOfUnit(changed({ ...ended, ...changes }), BOOT_MS)
  const failed = of({
    ActiveState: 'failed',
    SubState: 'failed',
    Result: 'exit-code',
    ExecMainCode: '1',
    ExecMainStatus: '1',
  })
  assert.deepEqual(
    [failed.is, failed.exitCode, failed.outOfMemory, failed.sinceMs],
    ['stopped', 1, false, BOOT_MS + 62_000],
  )
  assert.equal(failed.says, 'failed (failed), result exit-code')
  const killed = of({
    ActiveState: 'failed',
    SubState: 'failed',
    Result: 'oom-kill',
    ExecMainCode: '2',
    ExecMainStatus: '9',
  })
  assert.deepEqual([killed.exitCode, killed.outOfMemory, killed.pid], [137, true, undefined])
  assert.equal(of({ ActiveState: 'activating', SubState: 'auto-restart' }).is, 'restarting')
  assert.equal(of({ ActiveState: 'inactive', SubState: 'dead' }).is, 'stopped')
  assert.equal(stateOfUnit(changed({ FreezerState: 'frozen' }), BOOT_MS).is, 'paused')
  assert.equal(stateOfUnit(parseUnit('LoadState=not-found\nActiveState=inactive\n'), BOOT_MS).is, 'absent')
})

test('the journal keeps the lines of the server and the words of systemd', () => {
  const line = lineOfJournal(
    '{"_TRANSPORT":"stdout","_PID":"812","PRIORITY":"6","__REALTIME_TIMESTAMP":"1795262400123456","MESSAGE":"*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***"}',
  )
  assert.deepEqual(line, { text: '*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***', at: 1_795_262_400_123.456 })
  const word = lineOfJournal(
    '{"_TRANSPORT":"journal","_PID":"1","PRIORITY":"4","__REALTIME_TIMESTAMP":"1795262400200000","MESSAGE":"redis-server.service: Main process exited, code=killed, status=9/KILL"}',
  )
  assert.deepEqual([word?.level, word?.text.slice(0, 30)], ['warning', 'systemd: redis-server.service:'])
  assert.equal(lineOfJournal('{"MESSAGE":[104,105,255]}')?.text, 'hi�') // bytes that are no text
  assert.equal(lineOfJournal('{"MESSAGE":null}'), undefined)
})

test('a unit without a type is a service', () => {
  assert.deepEqual(['redis-server', 'redis@6380.service', 'redis.target'].map(unitName), [
    'redis-server.service',
    'redis@6380.service',
    'redis.target',
  ])
})

test('where systemd does not run, it could not be asked, and its journal is not taken for an empty one', async (t) => {
  if (spawnSync('systemctl', ['--version']).error !== undefined) return t.skip('there is no systemctl here')
  if (existsSync('/run/systemd/system')) return t.skip('systemd runs here')
  const looking = await openLooking('systemd:redis-server')
  await assert.rejects(looking.state(), { name: 'Fault', why: /not been booted with systemd/ })
  await assert.rejects(Array.fromAsync(looking.log()), { name: 'Fault', why: /not been booted with systemd/ })
})

test('units of servers are listed without their type', () => {
  const listed =
    'redis-server.service       loaded    active   running Advanced key-value store\n' +
    'redis-server@6380.service  loaded    failed   failed  Advanced key-value store\nvalkey.service not-found inactive dead valkey.service\n'
  assert.deepEqual(parseUnits(listed), ['redis-server', 'redis-server@6380', 'valkey'])
})
