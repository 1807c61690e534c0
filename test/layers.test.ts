// Who may import whom. Data goes down this table and imports go up: a folder may import the folders named beside it, and
// itself. The watching half (fleet to mitigation) and the backup half (replication to restore) never meet here; what one
// needs of the other, daemon.ts hands over. A new folder or a new package is a new word in this file.

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { test } from 'node:test'

const FOLDERS: Record<string, string> = {
  lib: '',
  redis: 'lib', // speaks to one server
  rdb: 'lib',
  state: 'lib',
  supervisors: 'lib redis', // of redis/ only what reads a log and hides secrets
  fleet: 'lib redis state supervisors',
  metrics: 'lib redis fleet',
  promql: 'lib', // the language alone; what is asked of it comes from a storage that is handed in
  rules: 'lib promql metrics',
  alerts: 'lib promql state rules',
  diagnosis: 'lib redis state supervisors fleet metrics alerts',
  mitigation: 'lib redis state supervisors fleet diagnosis',
  replication: 'lib redis rdb',
  archive: 'lib redis rdb state replication',
  restore: 'lib redis rdb state supervisors fleet archive',
  api: 'lib redis state fleet metrics promql rules alerts diagnosis mitigation archive restore',
  lab: 'lib redis', // real servers for tests, benches and the demo; of a command's frame it knows nothing
  cli: 'lib redis rdb fleet metrics promql rules alerts diagnosis archive restore api lab',
}

// Packages, and the one module of Node that is a decision of its own. Tests may use more, below.
const PACKAGES: Record<string, string> = {
  lib: 'pino age-encryption', // both know nothing of Redis
  state: 'node:sqlite',
  rules: 'yaml', // rule files
  alerts: 'nodemailer',
  supervisors: 'dockerode', // loaded only where a container is asked for
  archive: '@aws-sdk/client-s3 @azure/storage-blob', // each in its file of storage/ alone, loaded only where used
  api: 'hono @hono/node-server zod',
  cli: 'commander',
  lab: '@redis/client',
  src: 'yaml zod', // the configuration
}

// "Who can change a server?" is answered by one search.
const GUARDED: Record<string, string> = {
  'src/redis/write.ts': 'mitigation restore',
  'src/redis/probe.ts': 'metrics diagnosis', // touches only its own reserved key and channel, and what a busy server refuses
  'src/redis/save.ts': 'archive',
  'src/supervisors/act.ts': 'mitigation restore',
  'src/supervisors/replace-files.ts': 'mitigation restore',
}

// What the command line is handed, it knows the types of.
const HANDED_TO_CLI = new Set(['src/config.ts', 'src/archive-fleet.ts', 'src/backup-fleet.ts'])

const ANYTHING = ['test', 'bench', 'scripts'] // and src/*.ts, which put the parts together
const IMPORTS = /^\s*(?:import|export)\s+(type\s)?(?:[^'"`;]*?\sfrom\s+)?'([^']+)'|\bimport\(\s*'([^']+)'/gm

/** `src/redis/ask.ts` is in `redis`, `lab/servers.ts` in `lab`, `src/main.ts` in `src`. */
function folderOf(path: string): string {
  const [top = '', next = '', more] = path.split('/')
  return top === 'src' && more !== undefined ? next : top
}

function allows(words: string | undefined, word: string): boolean {
  return (words ?? '').split(' ').includes(word)
}

/** Why this import is not allowed, or undefined. */
function objection(file: string, specifier: string, typeOnly: boolean): string | undefined {
  const from = folderOf(file)
  const isTest = file.endsWith('.test.ts')
  if (!specifier.startsWith('.')) {
    const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
    if (ANYTHING.includes(from) || isTest || (name.startsWith('node:') && name !== 'node:sqlite')) return undefined
    return allows(PACKAGES[from], name) ? undefined : `may not use the package ${name}`
  }
  const path = posix.join(posix.dirname(file), specifier)
  const to = folderOf(path)
  const isActing = path.startsWith('src/supervisors/acting/') && !file.startsWith('src/supervisors/acting')
  const guard = isActing ? 'mitigation restore' : GUARDED[path]
  const isApart = to !== from || file.startsWith('src/supervisors/looking/')
  if (guard !== undefined && isApart && !isTest && !ANYTHING.includes(from) && from !== 'src')
    return allows(guard, from) ? undefined : `may not use ${path}, which is for ${guard}`
  if (to === 'src') {
    if (from === 'src' || ANYTHING.includes(from) || (from === 'cli' && typeOnly && HANDED_TO_CLI.has(path)))
      return undefined
    return `may not import ${path}: what puts the parts together is imported by nobody`
  }
  if (to === from || from === 'src' || ANYTHING.includes(from)) return undefined
  if (isTest && (to === 'lab' || to === 'test')) return undefined
  return allows(FOLDERS[from], to) ? undefined : `may not import ${to}/`
}

function objections(file: string, text: string): string[] {
  const from = folderOf(file)
  if (FOLDERS[from] === undefined && from !== 'src' && !ANYTHING.includes(from))
    return [`${file}: ${from}/ is not in the table`]
  return [...text.matchAll(IMPORTS)].flatMap(([, type, plain, dynamic]) => {
    const why = objection(file, plain ?? dynamic ?? '', type !== undefined)
    return why === undefined ? [] : [`${file} ${why}`]
  })
}

test('no folder imports what the table does not give it', () => {
  const files = globSync(['src/**/*.ts', 'lab/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts', 'scripts/**/*.ts'])
  assert.ok(files.length > 40, `only ${files.length} files were looked at`)
  assert.deepEqual(
    files.toSorted().flatMap((file) => objections(file, readFileSync(file, 'utf8'))),
    [],
  )
})

test('the table sees what is planted', () => {
  const seen = (file: string, text: string): number => objections(file, text).length
  assert.equal(seen('src/lib/a.ts', `import { b } from '../redis/b.ts'`), 1)
  assert.equal(seen('src/fleet/a.ts', `import type {\n  B,\n} from '../metrics/b.ts'`), 1)
  assert.equal(seen('src/metrics/collectors/a.ts', `export { b } from '../../api/b.ts'`), 1)
  assert.equal(seen('src/metrics/a.ts', `const b = await import('../archive/b.ts')`), 1)
  assert.equal(seen('src/metrics/a.ts', `import '../redis/write.ts'`), 1)
  assert.equal(seen('src/fleet/a.ts', `import { b } from '../redis/probe.ts'`), 1)
  assert.equal(seen('src/restore/a.ts', `import { b } from '../redis/write.ts'`), 0)
  assert.equal(seen('src/fleet/a.ts', `import { b } from '../supervisors/act.ts'`), 1)
  assert.equal(seen('src/fleet/a.ts', `import { b } from '../supervisors/acting/docker.ts'`), 1)
  assert.equal(seen('src/supervisors/looking/a.ts', `import { b } from '../act.ts'`), 1)
  assert.equal(seen('src/restore/a.ts', `import { b } from '../supervisors/act.ts'`), 0)
  assert.equal(seen('src/api/a.ts', `import { DatabaseSync } from 'node:sqlite'`), 1)
  assert.equal(seen('src/fleet/a.ts', `import { z } from 'zod'`), 1)
  assert.equal(seen('src/cli/a.ts', `import { b } from '../config.ts'`), 1)
  assert.equal(seen('src/cli/a.ts', `import type { B } from '../config.ts'`), 0)
  assert.equal(seen('src/helpers/a.ts', ''), 1)
})
