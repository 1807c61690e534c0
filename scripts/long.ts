// `npm run long -- NAME [ARGUMENT…]`: one of the proofs that take too long for every day, at its full count. Its output
// is kept with the date and the commit in docs/proofs/NAME.md, so that a claim can be traced to the run that showed it.
//
// A proof is a program in test/long/; it prints what it did and ends with 0 when it holds.

import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

const FOLDER = 'test/long'
const [name = '', ...args] = process.argv.slice(2)
const names = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length))

function firstLineOf(command: string, ...words: string[]): string {
  const { stdout } = spawnSync(command, words, { encoding: 'utf8' })
  return (stdout ?? '').trim().split('\n')[0] ?? ''
}

function commitNow(): string {
  const commit = firstLineOf('git', 'rev-parse', '--short', 'HEAD')
  const changed = firstLineOf('git', 'status', '--porcelain', '--untracked-files=no', '--', ':!docs/proofs')
  return changed === '' ? commit : `${commit} with uncommitted changes`
}

async function prove(): Promise<number> {
  const started = new Date()
  const commit = commitNow()
  const child = spawn(process.execPath, [join(FOLDER, `${name}.ts`), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    process.stdout.write(text)
  })
  const status = await new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? 2)))
  const minutes = ((Date.now() - started.getTime()) / 60_000).toFixed(1)
  const facts = [
    `- result: ${status === 0 ? 'holds' : `does not hold (exit ${status})`}`,
    `- date: ${started.toISOString()}, ${minutes} min`,
    `- commit: ${commit}`,
    `- command: \`npm run long -- ${[name, ...args].join(' ')}\``,
    `- on: ${availableParallelism()} cores, Node ${process.version}, ${firstLineOf('redis-server', '--version')}`,
  ]
  mkdirSync('docs/proofs', { recursive: true })
  writeFileSync(`docs/proofs/${name}.md`, `# ${name}\n\n${facts.join('\n')}\n\n\`\`\`\n${output.trimEnd()}\n\`\`\`\n`)
  return status
}

if (names.includes(name)) process.exitCode = await prove()
else {
  console.error(`usage: npm run long -- NAME\n  NAME is one of: ${names.join(', ')}`)
  process.exitCode = 64
}
