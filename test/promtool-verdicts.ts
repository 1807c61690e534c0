// What Debian's promtool says of rule files and of unit tests of rules: one process for many files.

import { spawnSync } from 'node:child_process'

/** Whether promtool takes each file. */
export function promtoolVerdicts(action: 'check' | 'test', files: readonly string[]): boolean[] {
  const args = action === 'check' ? ['check', 'rules', '--lint=none', ...files] : ['test', 'rules', ...files]
  const { stdout, error } = spawnSync('promtool', args, { encoding: 'utf8', maxBuffer: 2 ** 30 })
  if (error !== undefined) throw error
  const heads = action === 'check' ? 'Checking ' : 'Unit Testing:  '
  return files.map((file) => {
    const [, answer = ''] = stdout.split(`${heads}${file}\n`)
    return answer.startsWith('  SUCCESS')
  })
}

const ALERT = /Annotations:\{((?:\w+="(?:[^"\\]|\\.)*"(?:, )?)*)\}/g
const PAIR = /(\w+)="((?:[^"\\]|\\.)*)"/g

/** The annotations of the alerts of a test that fails, because it expects none. */
export function promtoolAnnotations(file: string): Record<string, string>[] {
  const { stderr, stdout, error } = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8' })
  if (error !== undefined) throw error
  return [...(stdout + stderr).matchAll(ALERT)].map(([, pairs = '']) =>
    Object.fromEntries(
      [...pairs.matchAll(PAIR)].map(([, name = '', text = '']) => [name, JSON.parse(`"${text}"`) as string]),
    ),
  )
}
