// A store whose login stands in a file: the same file for `respite backup`, for what reads the archive, and for the daemon
// by `backup.credentialsFile`. On the real servers of the stores, with nothing about them in the environment.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, suite, test, type TestContext } from 'node:test'
import { makeFolder } from '../lab/children.ts'
import { startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { RESPITE, startDaemonProcess } from './daemon-process.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { stages, type Stage } from './store-stages.ts'

nothingLeftAfterwards()

const PATIENTLY = { timeoutMs: 60_000 }

interface Ran {
  readonly exit: number
  readonly out: string
  readonly err: string
}

/** Without what the cloud's own tools would find. */
function run(...args: string[]): Promise<Ran> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: makeFolder('home'), AWS_EC2_METADATA_DISABLED: 'true' }
  return new Promise((resolve) => {
    execFile(RESPITE, args, { env }, (error, out, err) => {
      resolve({ exit: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err })
    })
  })
}

async function serverIn(t: TestContext): Promise<Server> {
  const server = await startServer({ conf: ['repl-diskless-sync-delay 0'] })
  t.after(() => server.stop())
  await server.cli('SET', 'a', 'b')
  return server
}

function below(stage: Stage, prefix: string): string {
  const [place, query] = stage.url.split('?')
  return `${place}/${prefix}?${query}`
}

for (const { id, start } of stages().filter((stage) => stage.id !== 'file'))
  suite(`${id}: the login of the store in a file`, async () => {
    const stage = await start()
    if (typeof stage === 'string' || stage.options.credentialsFile === undefined) {
      test('none here', { skip: typeof stage === 'string' ? stage : 'an outside store' }, () => undefined)
      return
    }
    const { credentialsFile } = stage.options
    after(() => stage.stop())

    test('respite backup, backups and verify take it by --credentials-file', async (t) => {
      const server = await serverIn(t)
      const to = below(stage, 'commands')
      const without = await run('backup', server.url, '--to', to)
      assert.notEqual(without.exit, 0)
      assert.match(without.err, /credential|AZURE_STORAGE/i)
      const given = ['--credentials-file', credentialsFile]
      const { exit, err } = await run('backup', server.url, '--to', to, ...given)
      assert.equal(exit, 0, err)
      const verified = await run('verify', to, ...given)
      assert.equal(verified.exit, 0, verified.err)
    })

    test('the daemon archives and reads back with credentialsFile, and says at its start what is wrong with one', async (t) => {
      const server = await serverIn(t)
      const dir = makeFolder('config')
      const config = (file: string): string => `
data: ${join(dir, 'data')}
deployments:
  - name: orders
    url: ${server.url}
    backup: { to: '${below(stage, 'watch')}', credentialsFile: ${file}, every: 1h, keep: { stream: 1d }, drill: 24h }
`
      const file = join(dir, 'respite.yml')
      writeFileSync(file, config(join(dir, 'none')))
      const wrong = await run('watch', '--config', file)
      assert.equal(wrong.exit, 64, wrong.err)
      assert.match(wrong.err, /respite\.yml:6:\d+: credentialsFile \(\S+none\): there is no such file/)
      writeFileSync(file, config(credentialsFile))
      const daemon = await startDaemonProcess(t, dir, '--config', file)
      const metrics = async (): Promise<string> => (await fetch(`${daemon.url}/metrics`)).text()
      await until(
        'it was read back',
        async () => /^respite_archive_verified_timestamp_seconds\{.*\} \d/m.test(await metrics()),
        PATIENTLY,
      )
      assert.match(await metrics(), /^respite_archive_prune_held\{.*\} 0$/m)
      assert.match(daemon.lines.join('\n'), /backup\.drill: is read and checked, and not in effect/)
      assert.doesNotMatch(daemon.lines.join('\n'), /backup\.keep/)
      await daemon.stop()
    })
  })
