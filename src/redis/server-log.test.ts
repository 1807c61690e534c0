import assert from 'node:assert/strict'
import { test } from 'node:test'
import { entriesOf, passes, zoneShiftMs, type LogEntry, type LogLine } from './server-log.ts'

async function* linesOf(text: string, at?: number): AsyncGenerator<LogLine> {
  for (const line of text.split('\n')) yield { text: line, at }
}

const entries = (text: string, at?: number): Promise<LogEntry[]> => Array.fromAsync(entriesOf(linesOf(text, at)))

test('a line tells its process, its role, its level and its time', async () => {
  const text = `41:M 21 Nov 2026 12:11:18.238 # a warning
41:S 21 Nov 2026 12:11:19.000 * a notice
42:C 21 Nov 2026 12:11:20.000 - of a child
7:X 21 Nov 2026 12:11:21.500 . of a Sentinel`
  assert.deepEqual(
    (await entries(text)).map(({ pid, role, level, text }) => [pid, role, level, text]),
    [
      [41, 'primary', 'warning', 'a warning'],
      [41, 'replica', 'notice', 'a notice'],
      [42, 'child', 'verbose', 'of a child'],
      [7, 'sentinel', 'debug', 'of a Sentinel'],
    ],
  )
  assert.equal((await entries(text))[0]?.at, new Date(2026, 10, 21, 12, 11, 18, 238).getTime())
})

test('Valkey may write in logfmt, and the time in ISO 8601 or milliseconds', async () => {
  const at = Date.UTC(2026, 10, 21, 12, 11, 18, 238)
  const [logfmt, iso, ms] =
    await entries(`pid=37851 role=RDB/AOF timestamp="2026-11-21T14:11:18.238+02:00" level=info message="DB saved on disk"
37851:M 2026-11-21T14:11:18.238+02:00 * Ready
37851:M ${at} # Soon`)
  assert.deepEqual(
    [logfmt?.role, logfmt?.level, logfmt?.text, logfmt?.at],
    ['child', 'verbose', 'DB saved on disk', at],
  )
  assert.deepEqual([iso?.at, ms?.at], [at, at])
})

test('a crash report is kept whole, also where only warnings are wanted', async () => {
  const text = `9:M 21 Nov 2026 12:00:00.000 * Ready to accept connections


=== REDIS BUG REPORT START: Cut & paste starting from here ===
9:M 21 Nov 2026 12:00:01.000 # Redis 7.0.15 crashed by signal: 11, si_code: 0

------ STACK TRACE ------
EIP:
/lib/x86_64-linux-gnu/libc.so.6(epoll_wait+0x56)[0x7f]
9:M 21 Nov 2026 12:00:01.100 * of the report, whatever its level

=== REDIS BUG REPORT END. Make sure to include from START to END. ===
9:M 21 Nov 2026 12:00:02.000 * afterwards`
  const all = await entries(text)
  const kept = all.filter((entry) => passes(entry, { level: 'warning' }))
  const lines = text.split('\n')
  assert.deepEqual(
    kept.flatMap(({ lines }) => lines).filter((line) => line !== ''),
    lines.slice(3, -1).filter((line) => line !== ''),
  )
  assert.equal(kept[0]?.at, all[0]?.at)
  assert.equal(all.length, kept.length + 2)
})

test('what the parent says goes on in the line in which a crashed child tested memory', async () => {
  const text = `*** Preparing to test memory region 7f50d64e1000 (8192 bytes)
.O.O.O.O4525:M 21 Nov 2026 14:37:52.057 # Background saving terminated by signal 11`
  const last = (await entries(text)).at(-1)
  assert.deepEqual([last?.pid, last?.text], [4525, 'Background saving terminated by signal 11'])
})

test('the logo is no warning, and the entries around it stay apart', async () => {
  const text = `1:M 21 Nov 2026 12:00:00.000 # Configuration loaded
                _._                                                  
           _.-\`\`__ ''-._                                             
1:M 21 Nov 2026 12:00:00.100 # Server initialized`
  assert.deepEqual(
    (await entries(text)).map(({ level }) => level),
    ['warning', 'notice', 'warning'],
  )
})

test('what stands before any log is a warning, with the time at which it was collected', async () => {
  const text = `\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\nReading the configuration file, at line 3\n>>> 'masterauth geheim geheim'\nwrong number of arguments`
  const [only, ...more] = await entries(text, 1_000)
  assert.deepEqual([only?.level, only?.at, only?.lines.length, more.length], ['warning', 1_000, 4, 0])
  assert.equal(only?.lines[2], ">>> 'masterauth (redacted)'")
})

test('what a supervisor says is an entry by itself', async () => {
  async function* lines(): AsyncGenerator<LogLine> {
    yield { text: '1:M 21 Nov 2026 12:00:00.000 * Ready', at: new Date(2026, 10, 21, 12).getTime() }
    yield { text: 'systemd: redis.service: Main process exited, code=killed, status=9/KILL', at: 5, level: 'warning' }
  }
  const all = await Array.fromAsync(entriesOf(lines()))
  assert.deepEqual(
    all.map(({ level, pid }) => [level, pid]),
    [
      ['notice', 1],
      ['warning', undefined],
    ],
  )
})

test('a log of another zone is told by when it was written', async () => {
  const written = new Date(2026, 10, 21, 12, 0, 0, 300).getTime()
  assert.equal(zoneShiftMs(written + 5.5 * 3_600_000, written), -5.5 * 3_600_000)
  assert.equal(zoneShiftMs(written - 400, written), 0)
  assert.equal(zoneShiftMs(written - 7 * 60_000, written), 0) // a quiet log: no zone is seven minutes away
  const [entry] = await entries('1:M 21 Nov 2026 17:30:00.100 * Ready', written)
  assert.equal(entry?.at, new Date(2026, 10, 21, 12, 0, 0, 100).getTime())
})

test('nothing without a time is thrown away for its age', () => {
  const entry: LogEntry = { at: undefined, pid: undefined, role: undefined, level: 'warning', text: '', lines: [] }
  assert.ok(passes(entry, { sinceMs: 10, level: 'notice' }))
  assert.ok(!passes({ ...entry, at: 9 }, { sinceMs: 10, level: 'notice' }))
  assert.ok(!passes({ ...entry, level: 'verbose' }, { level: 'notice' }))
})
