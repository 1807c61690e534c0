import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSecretSetting, redactArguments, redactCommand, redactConfigLine } from './redact.ts'

const CASES: readonly [command: string, shown: string][] = [
  ['AUTH secret', 'AUTH *'],
  ['auth user secret', 'auth user *'],
  ['HELLO 3 AUTH user secret SETNAME me', 'HELLO 3 AUTH user * SETNAME me'],
  ['CONFIG SET maxmemory 1gb requirepass secret', 'CONFIG SET maxmemory 1gb requirepass *'],
  ['config set MasterAuth secret', 'config set MasterAuth *'],
  ['CONFIG SET requirepass', 'CONFIG SET requirepass'],
  ['ACL SETUSER bob on >secret <old #abc123 !def456 ~* +@all', 'ACL SETUSER bob on >* <* #* !* ~* +@all'],
  ['MIGRATE host 6379 key 0 100 AUTH secret KEYS a', 'MIGRATE host 6379 key 0 100 AUTH * KEYS a'],
  ['MIGRATE host 6379 key 0 100 AUTH2 user secret', 'MIGRATE host 6379 key 0 100 AUTH2 user *'],
  ['SENTINEL SET mymaster auth-pass secret quorum 2', 'SENTINEL SET mymaster auth-pass * quorum 2'],
  ['SENTINEL CONFIG SET sentinel-pass secret', 'SENTINEL CONFIG SET sentinel-pass *'],
  ['SET auth secretary', 'SET auth secretary'],
]

test('secrets are taken out of every command that can hold one', () => {
  for (const [command, shown] of CASES)
    assert.equal(
      redactCommand(command.split(' ')).join(' '),
      shown.replaceAll(/\*(?=$| )(?<!~\*)/g, '(redacted)'),
      command,
    )
})

test('settings that are secrets are known by Redis and by Valkey names', () => {
  for (const name of ['requirepass', 'MASTERAUTH', 'primaryauth', 'tls-key-file-pass', 'sentinel-pass'])
    assert.ok(isSecretSetting(name), name)
  assert.ok(!isSecretSetting('maxmemory'))
})

test('the command line of a server is shown without its secrets', () => {
  const shown = (line: string): string => redactArguments(line.split(' ')).join(' ')
  assert.equal(
    shown('redis-server /etc/r.conf --requirepass a b --port 1'),
    'redis-server /etc/r.conf --requirepass (redacted) (redacted) --port 1',
  )
  assert.equal(shown('redis-server --user bob on >secret ~*'), 'redis-server --user bob on >(redacted) ~*')
  assert.deepEqual(redactArguments(['redis-server', '--masterauth secret']), [
    'redis-server',
    '--masterauth (redacted)',
  ])
})

test('so is a line of its configuration in its log', () => {
  assert.equal(redactConfigLine(`>>> 'requirepass "a b'`), `>>> 'requirepass (redacted)'`)
  assert.equal(redactConfigLine(`>>> 'sentinel auth-pass mymaster secret x'`), `>>> 'sentinel auth-pass (redacted)'`)
  assert.equal(redactConfigLine(`>>> 'user bob on >secret +bad'`), `>>> 'user bob (redacted)'`)
  assert.equal(redactConfigLine(`>>> 'maxmemory banana'`), `>>> 'maxmemory banana'`)
})
