// What Debian's promtool answers to expressions over series that are written down: each is put into a rule test that
// expects something impossible, so that promtool prints what it got instead, every digit of it.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { makeFolder } from '../lab/children.ts'

export interface PromtoolAnswer {
  readonly error: string | undefined
  readonly samples: ReadonlyMap<string, number> // by labels, as `labelKey` writes them
}

export interface Question {
  readonly series: readonly string[]
  readonly stepMs: number
  readonly evalTime: string
  readonly expressions: readonly string[]
}

export function labelKey(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(labels, Object.keys(labels).toSorted())
}

const IMPOSSIBLE = [{ labels: 'impossible', value: 1 }]
const BLOCK = /^ {4}expr: /m
const SAMPLE = /\{((?:[a-zA-Z_]\w*="(?:[^"\\]|\\.)*"(?:, )?)*)\} ([-+.\dA-Za-z]+)/g
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g

export function askPromtool({ series, stepMs, evalTime, expressions }: Question): PromtoolAnswer[] {
  const values = series.map((text) => {
    const end = text.indexOf('} ') + 1
    return { series: text.slice(0, end), values: text.slice(end + 1) }
  })
  const wanted = expressions.map((expr) => ({ expr, eval_time: evalTime, exp_samples: IMPOSSIBLE }))
  const interval = `${Math.floor(stepMs / 1000)}s${stepMs % 1000}ms`
  // promtool loads samples up to the last evaluation: with one an hour and more away it loads them all.
  wanted.push({ expr: 'vector(0)', eval_time: '4h', exp_samples: IMPOSSIBLE })
  const tests = [{ interval, input_series: values, promql_expr_test: wanted }]
  const file = join(makeFolder('promtool'), 'test.yml')
  writeFileSync(file, stringify({ evaluation_interval: '1m', tests }, { lineWidth: 0 }))
  const { stdout, stderr, error } = spawnSync('promtool', ['test', 'rules', file], {
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  })
  if (error !== undefined) throw error
  const blocks = (stdout + stderr).split(BLOCK).slice(1)
  if (blocks.length !== wanted.length)
    throw new Error(`promtool answered ${blocks.length} of ${wanted.length}: ${stderr.slice(0, 2000)}`)
  return blocks.slice(0, -1).map(parseAnswer)
}

function parseAnswer(block: string): PromtoolAnswer {
  const error = /, time: \S+, err: ([^]*)$/.exec(block)?.[1]
  const samples = new Map<string, number>()
  const got = block.slice(block.lastIndexOf('\n        got: '))
  if (error === undefined)
    for (const [, labels = '', value = ''] of got.matchAll(SAMPLE)) {
      const pairs = [...labels.matchAll(LABEL)].map(([, name = '', text = '']) => [
        name,
        JSON.parse(`"${text}"`) as string,
      ])
      samples.set(labelKey(Object.fromEntries(pairs) as Record<string, string>), parseValue(value))
    }
  return { error: error?.trim(), samples }
}

function parseValue(text: string): number {
  if (/Inf/.test(text)) return text.startsWith('-') ? -Infinity : Infinity
  return Number(text)
}
