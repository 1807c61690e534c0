// The text format, looked at by eye and by Prometheus' own parser.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { renderExposition } from './exposition.ts'
import { counter, family, gauge, labelText, seriesOf, Snapshot } from './series.ts'

const up = gauge('redis_expo_up', 'Whether the server\nanswers, \\ in short.')
const commands = counter('redis_expo_commands_total', 'Commands by name.')
const latency = family('redis_expo_latency_usec', 'summary', 'Latency by command.')

function snapshot(...values: [ReturnType<typeof seriesOf>, number][]): Snapshot {
  const made = new Snapshot(1_000)
  for (const [series, value] of values) made.add(series, value)
  return made
}

test('families stand by name with HELP and TYPE once, and the series of all sources under them', () => {
  const get = seriesOf(commands, labelText({ cmd: 'get' }))
  const text = renderExposition([
    { snapshot: snapshot([seriesOf(up), 1], [get, 12]), labels: 'instance="a:1"' },
    { snapshot: snapshot([get, 7], [seriesOf(up), 0]), labels: 'instance="b:2"' },
  ])
  assert.equal(
    text,
    `# HELP redis_expo_commands_total Commands by name.
# TYPE redis_expo_commands_total counter
redis_expo_commands_total{cmd="get",instance="a:1"} 12
redis_expo_commands_total{cmd="get",instance="b:2"} 7
# HELP redis_expo_up Whether the server\\nanswers, \\\\ in short.
# TYPE redis_expo_up gauge
redis_expo_up{instance="a:1"} 1
redis_expo_up{instance="b:2"} 0
`,
  )
})

test('without labels of series or source no braces are written', () => {
  assert.match(renderExposition([{ snapshot: snapshot([seriesOf(up), 1]) }]), /^redis_expo_up 1$/m)
})

test('special values are written as Go reads them, integers plain', () => {
  const values = [NaN, Infinity, -Infinity, 0, -1, 1e15, 0.1, 1e300, 5e-324]
  const rows = values.map(
    (value, at) => [seriesOf(commands, `cmd="${at}"`), value] as [ReturnType<typeof seriesOf>, number],
  )
  const written = renderExposition([{ snapshot: snapshot(...rows) }])
    .split('\n')
    .filter((line) => line.startsWith('redis_expo'))
    .map((line) => line.split(' ')[1])
  assert.deepEqual(written, ['NaN', '+Inf', '-Inf', '0', '-1', '1000000000000000', '0.1', '1e+300', '5e-324'])
})

test('a family that returns later in a snapshot is still one block', () => {
  const set = seriesOf(commands, 'cmd="set"')
  const text = renderExposition([
    { snapshot: snapshot([seriesOf(commands, 'cmd="get"'), 1], [seriesOf(up), 1], [set, 2]) },
  ])
  assert.equal(text.match(/# TYPE redis_expo_commands_total/g)?.length, 1)
  assert.match(text, /cmd="get"} 1\nredis_expo_commands_total{cmd="set"} 2\n/)
})

test('no sources make an empty page', () => {
  assert.equal(renderExposition([]), '')
})

const promtool = spawnSync('promtool', ['--version']).error === undefined
test('promtool reads it', { skip: promtool ? false : 'promtool is not installed (Debian: prometheus)' }, () => {
  const source = snapshot(
    [seriesOf(up), 1],
    [seriesOf(commands, labelText({ cmd: 'a "quoted" \\ name\nof two lines' })), Infinity],
    [seriesOf(commands, labelText({ cmd: '' })), NaN],
    [seriesOf(latency, labelText({ cmd: 'get', quantile: '50' })), 0.5],
    [seriesOf(latency, labelText({ cmd: 'get' }), '_sum'), 1e21],
    [seriesOf(latency, labelText({ cmd: 'get' }), '_count'), 3],
  )
  const input = renderExposition([
    { snapshot: source, labels: labelText({ deployment: 'örders', instance: '[::1]:6379' }) },
    { snapshot: source, labels: labelText({ deployment: 'örders', instance: '/run/redis.sock' }) },
  ])
  const { status, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' })
  // 3: the text was read, the linter dislikes a name; anything else is a text that Prometheus would refuse.
  assert.ok(status === 0 || status === 3, stderr)
  assert.doesNotMatch(stderr, /error while linting|duplicate|parse/i)
})
