// The configuration while it runs: changed by an editor that renames, by Kubernetes that swaps a symbolic link, by
// SIGHUP; and a wrong one, which is refused. Real files, and waiting for what happens instead of sleeping.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { makeConfig, type Config } from './config.ts'
import { watchConfig, type ConfigWatch } from './config-watch.ts'
import type { Fault } from './lib/fault.ts'

let dir = ''
let watch: ConfigWatch | undefined
let happened: (Config | Fault)[] = []
let wake = (): void => undefined

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'respite-watch-'))
  happened = []
})
afterEach(() => {
  watch?.stop()
  rmSync(dir, { recursive: true })
})

const yaml = (host: string): string => `deployments:\n  - { name: a, url: "redis://${host}", passwordFile: secret }\n`

async function start(file: string): Promise<void> {
  const config = await makeConfig({ file, urls: [], flags: {} }, {})
  const take = (what: Config | Fault): void => {
    happened.push(what)
    wake()
  }
  watch = watchConfig(config, { env: {}, everyMs: 5, onChange: take, onRefused: take })
}

/** The next thing that happens. */
async function next(): Promise<Config | Fault> {
  for (;;) {
    const first = happened.shift()
    if (first !== undefined) return first
    let late: NodeJS.Timeout | undefined
    await new Promise<void>((resolve, reject) => {
      wake = resolve
      late = setTimeout(() => reject(new Error('nothing happened for 30 s')), 30_000)
    })
    clearTimeout(late)
  }
}

const hostOf = (what: Config | Fault): string | undefined =>
  'deployments' in what ? what.deployments[0]?.target.seeds[0]?.host : undefined
const passwordOf = (what: Config | Fault): string | undefined =>
  'deployments' in what ? what.deployments[0]?.access.password : undefined

const whyOf = (what: Config | Fault): string => ('why' in what ? what.why : 'it was taken')

describe('a watched configuration', () => {
  beforeEach(async () => {
    writeFileSync(join(dir, 'secret'), 'one', { mode: 0o600 })
    writeFileSync(join(dir, 'respite.yml'), yaml('a'))
    await start(join(dir, 'respite.yml'))
  })

  it('is taken anew when an editor writes it beside and renames', async () => {
    writeFileSync(join(dir, 'respite.yml~'), yaml('b'))
    renameSync(join(dir, 'respite.yml~'), join(dir, 'respite.yml'))
    assert.equal(hostOf(await next()), 'b')
  })

  it('is taken anew when only a secret changes', async () => {
    writeFileSync(join(dir, 'secret'), 'two')
    assert.equal(passwordOf(await next()), 'two')
  })

  it('says what waits for the next start', async () => {
    writeFileSync(join(dir, 'respite.yml'), `listen: 127.0.0.1:1\n${yaml('b')}`)
    const taken = await next()
    assert.ok('warnings' in taken)
    assert.deepEqual(taken.warnings, ['listen: was changed, which is in force after the next start'])
  })

  it('that is wrong is refused with its mistakes, and the next right one is taken', async () => {
    writeFileSync(join(dir, 'respite.yml'), 'deployments:\n  - urll: x\n')
    const refused = await next()
    assert.ok('toText' in refused)
    assert.match(refused.toText(), /respite\.yml:2:5: "urll" is not known/)
    writeFileSync(join(dir, 'respite.yml'), yaml('c'))
    assert.equal(hostOf(await next()), 'c')
  })

  it('that loses its file stays in force until the file is back', async () => {
    unlinkSync(join(dir, 'respite.yml'))
    assert.match(whyOf(await next()), /there is no such file/)
    writeFileSync(join(dir, 'respite.yml'), yaml('d'))
    assert.equal(hostOf(await next()), 'd')
  })

  it('that misses a secret is taken once the secret is there', async () => {
    writeFileSync(join(dir, 'respite.yml'), yaml('e').replace('secret', 'later'))
    assert.match(whyOf(await next()), /there is no such file/)
    writeFileSync(join(dir, 'later'), 'three', { mode: 0o600 })
    assert.equal(passwordOf(await next()), 'three')
  })

  it('is taken anew on SIGHUP, changed or not', async () => {
    process.kill(process.pid, 'SIGHUP')
    assert.equal(hostOf(await next()), 'a')
  })

  it('leaves SIGHUP alone once it is stopped', () => {
    watch?.stop()
    assert.equal(process.listenerCount('SIGHUP'), 0)
  })
})

describe('a configuration mounted by Kubernetes', () => {
  it('is taken anew when the symbolic link is swapped', async () => {
    for (const version of ['1', '2']) {
      mkdirSync(join(dir, version))
      writeFileSync(join(dir, version, 'respite.yml'), yaml(version === '1' ? 'old' : 'new'))
      writeFileSync(join(dir, version, 'secret'), version)
    }
    symlinkSync('1', join(dir, '..data'))
    symlinkSync(join('..data', 'respite.yml'), join(dir, 'respite.yml'))
    symlinkSync(join('..data', 'secret'), join(dir, 'secret'))
    await start(join(dir, 'respite.yml'))
    symlinkSync('2', join(dir, '..data_tmp'))
    renameSync(join(dir, '..data_tmp'), join(dir, '..data'))
    const swapped = await next()
    assert.deepEqual([hostOf(swapped), passwordOf(swapped)], ['new', '2'])
  })
})
