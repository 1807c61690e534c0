// The checkers themselves: each is shown a planted mistake and must see it. A tool that quietly looks at nothing (as
// some do when TypeScript's major version changes) is worse than none.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'

const ROOT = join(import.meta.dirname, '..')

/** A project of one file with our settings; what the checker says of it. */
async function check(t: TestContext, text: string, command: string, ...args: string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'respite-check-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const file of ['tsconfig.json', '.oxlintrc.json', '.prettierrc.json', 'package.json', 'knip.json'])
    cpSync(join(ROOT, file), join(folder, file))
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  mkdirSync(join(folder, 'src'))
  writeFileSync(join(folder, 'src', 'main.ts'), text)
  const options = { cwd: folder, timeout: 60_000, env: { ...process.env, NO_COLOR: '1' } }
  return new Promise((resolve) => {
    execFile(join(ROOT, 'node_modules', '.bin', command), args, options, (error, stdout, stderr) => {
      resolve(`${error === null ? 'fine' : 'wrong'}\n${stdout}${stderr}`)
    })
  })
}

const lint = (t: TestContext, text: string): Promise<string> =>
  check(t, text, 'oxlint', '--type-aware', '--deny-warnings', 'src')

test('nothing is wrong with a good file', async (t) => {
  const good = 'export const answer: number = 42\n'
  assert.match(await check(t, good, 'tsc'), /^fine/)
  assert.match(await lint(t, good), /^fine/)
  assert.match(await check(t, good, 'prettier', '--check', 'src'), /^fine/)
})

test('tsc sees a wrong type and syntax that cannot be stripped', async (t) => {
  assert.match(await check(t, `export const a: number = 'x'\n`, 'tsc'), /wrong[^]*TS2322/)
  assert.match(await check(t, 'export enum A { b }\n', 'tsc'), /wrong[^]*TS1294/)
})

const PLANTED: Record<string, string> = {
  'no-floating-promises': `import { pipeline } from 'node:stream/promises'\npipeline(process.stdin, process.stdout)\n`,
  'no-misused-promises': `import { EventEmitter } from 'node:events'\nnew EventEmitter().on('a', async () => { await Promise.resolve() })\n`,
  'switch-exhaustiveness-check': `export function f(a: 'x' | 'y'): void { switch (a) { case 'x': break } }\n`,
  'no-empty': 'try { process.exit() } catch {}\n',
  'no-explicit-any': 'export const a = (b: any): unknown => b\n',
  'max-lines': Array.from({ length: 401 }, (_none, at) => `export const a${at} = ${at}\n`).join(''),
}

for (const [rule, text] of Object.entries(PLANTED))
  test(`oxlint sees ${rule}`, async (t) => {
    assert.match(await lint(t, text), new RegExp(`wrong[^]*\\(${rule}\\)`))
  })

test('prettier and knip see what they are for', async (t) => {
  assert.match(await check(t, 'export const a = "b";\n', 'prettier', '--check', 'src'), /^wrong[^]*main\.ts/)
  assert.match(await check(t, 'export const a = 1\n', 'knip', '--include', 'dependencies'), /wrong[^]*commander/)
})

test('setup says nothing when there is nothing to do, and what it wants when it is asked wrongly', async () => {
  const run = (...args: string[]): Promise<string> =>
    new Promise((resolve) => {
      execFile(join(ROOT, 'scripts', 'setup'), args, (error, stdout, stderr) =>
        resolve(`${error?.code ?? 0}:${stdout}${stderr}`),
      )
    })
  assert.equal(await run('--quiet', 'node'), '0:')
  assert.match(await run('everything'), /^64:.*work\.[^]*scripts\/setup \[--quiet\]/s)
})
