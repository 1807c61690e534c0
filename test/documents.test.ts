// The documents say what is so: what is made from the code is current, what is named is there.

import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { answersPage } from '../scripts/make-answers.ts'

const ROOT = join(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')
const pages = globSync(['*.md', 'docs/**/*.md', 'changes/*.md'], { cwd: ROOT }).toSorted()

test('the page of answers is made from their table', () => {
  assert.equal(read('docs/answers.md'), answersPage(), 'run: node scripts/make-answers.ts')
})

test('each link of a document leads to a file', () => {
  const broken = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)]
      .map(([, target]) => target ?? '')
      .filter((target) => !existsSync(join(ROOT, dirname(page), target)))
      .map((target) => `${page}: ${target}`),
  )
  assert.deepEqual(broken, [])
})

test('each file and script that the documents name is there', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const named = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md'].flatMap((page) => {
    const text = read(page)
    const files = [...text.matchAll(/`((?:src|test|lab|scripts|bench|docs)\/[\w./-]+)`/g)].map(([, file]) => file ?? '')
    const commands = [...text.matchAll(/npm run (\w+)/g)].map(([, script]) => `npm run ${script}`)
    return [...files, ...commands].map((what) => ({ page, what }))
  })
  assert.ok(named.length > 20)
  const isThere = (what: string): boolean =>
    what.startsWith('npm run ') ? scripts[what.slice('npm run '.length)] !== undefined : existsSync(join(ROOT, what))
  assert.deepEqual(
    named.filter(({ what }) => !isThere(what)),
    [],
  )
})

test('each command of the README exists', () => {
  const named = [...read('README.md').matchAll(/`respite (\w+)/g)].map(([, command]) => command)
  assert.ok(named.length >= 5)
  assert.deepEqual(
    named.filter((command) => !existsSync(join(ROOT, `src/cli/commands/${command}.ts`))),
    [],
  )
})

test('the README is one screen and says nothing of the machine that it was written on', () => {
  assert.ok(read('README.md').split('\n').length <= 60)
  for (const page of pages) assert.doesNotMatch(read(page), /\/(?:work|home|root)\//, page)
})
