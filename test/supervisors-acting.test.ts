// The acting side of supervisors on real servers: to end one, to start it again, and to put other files into its data
// directory meanwhile, all or none of them.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { makeFolder } from '../lab/children.ts'
import { freePort } from '../lab/free-port.ts'
import { startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { openActing } from '../src/supervisors/act.ts'
import { replaceFiles } from '../src/supervisors/replace-files.ts'
import { openLooking } from '../src/supervisors/supervisor.ts'
import { noContainers, startContainers, type Containers } from './containers.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

const RESTORED = ['DEBUG', 'POPULATE', '500', 'restored']

/** The RDB of a server with 500 keys, saved. */
async function makeRdb(t: TestContext): Promise<string> {
  const server = await startServer({ debug: true })
  t.after(() => server.stop())
  await server.cli(...RESTORED)
  await server.cli('SAVE')
  return join(server.dir, 'dump.rdb')
}

describe('a process', () => {
  async function started(t: TestContext): Promise<Server> {
    const server = await startServer({ conf: ['save 3600 1'] })
    t.after(() => server.stop())
    return server
  }

  it('is asked to end, saves, and is started as it said that it was', async (t) => {
    const server = await started(t)
    await server.cli('SET', 'key', 'value')
    const info = await server.cli('INFO', 'server')
    const executable = /^executable:(.*)$/m.exec(info)?.[1]?.trim() ?? ''
    const binary = existsSync(executable)
      ? executable
      : execFileSync('sh', ['-c', 'command -v redis-server'], { encoding: 'utf8' }).trim()
    const startedAs = { executable: binary, configFile: server.confFile }
    const acting = await openActing(`process:${server.pid}`, { env: process.env, startedAs })
    t.after(() => acting.stop())
    await acting.stop()
    // It has ended before we, who are its parent, are told so.
    await until('its end is heard of', () => !server.running)
    await acting.stop() // it has ended already
    await acting.start()
    await until('it has its data', async () => (await server.cli('GET', 'key')) === 'value')
    await acting.start() // it runs already
    await acting.stop()
    await assert.rejects(server.cli('PING'))
  })

  it('that is no server, or that something else supervises, is left alone; so is one whose start is not known', async (t) => {
    await assert.rejects(openActing(`process:${process.pid}`), { name: 'Fault', exit: 1, why: /^it is no server/ })
    const server = await started(t)
    const acting = await openActing(`process:${server.pid}`)
    await acting.stop()
    await assert.rejects(acting.start(), { name: 'Fault', exit: 1, why: /^how it was started is not known/ })
  })

  it('that does not end in time is not killed', async (t) => {
    const server = await started(t)
    await server.cli('CONFIG', 'SET', 'rdb-key-save-delay', '2000000')
    await server.cli('MSET', 'a', '1', 'b', '1', 'c', '1') // saving takes six seconds
    const acting = await openActing(`process:${server.pid}`)
    await assert.rejects(acting.stop({ withinMs: 300 }), { name: 'Fault', why: /still runs after 300 ms/ })
    assert.equal(server.running, true)
    await server.kill('SIGKILL')
  })

  it('has its files replaced when it does not run, all or none, and all the way back', async (t) => {
    const rdb = await makeRdb(t)
    const server = await started(t)
    const looking = await openLooking(`process:${server.pid}`)
    const known = { dataDir: server.dir }
    const replacement = { put: [{ name: 'dump.rdb', from: rdb }], remove: ['appendonlydir'] }
    await assert.rejects(replaceFiles(looking, replacement, known), {
      name: 'Fault',
      exit: 1,
      why: /would overwrite them/,
    })
    await server.cli('SET', 'key', 'value')
    await server.kill('SIGTERM')
    const file = join(server.dir, 'dump.rdb')
    chmodSync(file, 0o640)
    mkdirSync(join(server.dir, 'appendonlydir'))
    const before = readdirSync(server.dir).toSorted()
    const replaced = await replaceFiles(looking, replacement, known)
    assert.equal(statSync(file).mode & 0o777, 0o640)
    assert.equal(existsSync(join(server.dir, 'appendonlydir')), false)
    await server.restart()
    assert.equal(await server.cli('DBSIZE'), '500')
    await server.cli('CONFIG', 'SET', 'save', '')
    await server.kill('SIGTERM')
    await replaced.undo()
    assert.deepEqual(readdirSync(server.dir).toSorted(), before)
    await server.restart()
    assert.deepEqual([await server.cli('DBSIZE'), await server.cli('GET', 'key')], ['1', 'value'])
  })

  it('has its files as they were when one cannot be copied, or when a replacement broke off between two renames', async (t) => {
    const server = await started(t)
    await server.cli('SET', 'key', 'value')
    const looking = await openLooking(`process:${server.pid}`)
    const known = { dataDir: server.dir }
    await server.kill('SIGTERM')
    const file = join(server.dir, 'dump.rdb')
    const before = [readdirSync(server.dir).toSorted(), readFileSync(file)]
    const now = (): unknown[] => [readdirSync(server.dir).toSorted(), readFileSync(file)]
    const folder = makeFolder('new')
    writeFileSync(join(folder, 'dump.rdb'), 'new')
    const missing = {
      put: [
        { name: 'dump.rdb', from: join(folder, 'dump.rdb') },
        { name: 'a', from: join(folder, 'gone') },
      ],
    }
    await assert.rejects(replaceFiles(looking, missing, known), { name: 'Fault' })
    assert.deepEqual(now(), before)

    const work = join(server.dir, '.respite-replace-1') // killed after the old file was moved away and a new one was put beside
    mkdirSync(join(work, 'old'), { recursive: true })
    writeFileSync(
      join(work, 'plan.json'),
      JSON.stringify({
        names: [
          { name: 'dump.rdb', was: true },
          { name: 'appendonlydir', was: false },
        ],
      }),
    )
    renameSync(file, join(work, 'old', 'dump.rdb'))
    mkdirSync(join(server.dir, 'appendonlydir'))
    await assert.rejects(replaceFiles(looking, missing, known), { name: 'Fault' })
    assert.deepEqual(now(), before)
  })
})

const why = noContainers()
describe('a container', { skip: why }, () => {
  let containers: Containers
  before(async () => void (containers = await startContainers()))
  after(() => containers.stop())

  it('ends, gets another dataset with the owner of its own, and starts; its restart policy does not interfere', async (t) => {
    const rdb = await makeRdb(t)
    const dir = makeFolder('volume')
    chownSync(dir, 999, 999)
    chmodSync(dir, 0o750)
    const port = String(await freePort())
    const cli = (...words: string[]): string =>
      execFileSync('redis-cli', ['-p', port, ...words], { encoding: 'utf8' }).trim()
    containers.run(
      'orders',
      ['--user', '999:999', '--restart', 'always', '-v', `${dir}:/data`],
      ['--port', port, '--dir', '/data', '--save', '3600 1'],
    )
    const ready = (): Promise<unknown> => until('it answers', () => cli('PING') === 'PONG')
    await ready()
    cli('SET', 'key', 'value')
    const [looking, acting] = await Promise.all([
      openLooking('docker:orders', containers),
      openActing('docker:orders', containers),
    ])
    await acting.stop()
    const { is, exitCode } = await looking.state()
    assert.deepEqual([is, exitCode], ['stopped', 0])
    const replaced = await replaceFiles(looking, { put: [{ name: 'dump.rdb', from: rdb }] })
    const { uid, gid } = statSync(join(dir, 'dump.rdb'))
    assert.deepEqual([uid, gid], [999, 999])
    await acting.start()
    await ready()
    assert.equal(cli('DBSIZE'), '500')
    await assert.rejects(replaced.undo(), { name: 'Fault', exit: 1 })
    await replaced.discard()
    assert.deepEqual(readdirSync(dir), ['dump.rdb'])
    containers.podman('pause', 'orders')
    await acting.stop() // also one that is held
    await acting.stop()
  })

  it('without a volume keeps its files to itself, and one that cannot start says so', async () => {
    const port = String(await freePort())
    containers.run('alone', [], ['--port', port])
    const [looking, acting] = await Promise.all([
      openLooking('docker:alone', containers),
      openActing('docker:alone', containers),
    ])
    await acting.stop()
    await assert.rejects(replaceFiles(looking, { put: [] }), {
      name: 'Fault',
      exit: 1,
      why: /in the container itself, on no volume/,
    })
    containers.run('wrong', [], ['--maxmemory', 'banana'])
    await assert.rejects((await openActing('docker:wrong', containers)).start(), {
      name: 'Fault',
      why: /it does not run: exited \(1\), exit 1/,
    })
    await assert.rejects((await openActing('docker:nobody', containers)).start(), {
      name: 'Fault',
      why: 'there is no such container',
    })
  })
})
