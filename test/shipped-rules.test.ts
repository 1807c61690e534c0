// The rules that Respite ships: promtool and Respite take and test them alike, every alert is seen to fire in a test and
// has its page, and the documents' rules are as the documents have them.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { suite, test } from 'node:test'
import { lintRules } from '../src/rules/lint.ts'
import { knownMetrics } from '../src/rules/known-metrics.ts'
import { readRuleFile, type Rule } from '../src/rules/rule-file.ts'

const ROOT = join(import.meta.dirname, '..')
const RULES = join(ROOT, 'rules')
const PAGES = join(ROOT, 'runbooks')
const RESPITE = join(ROOT, 'respite')
const FILES = ['redis.yml', 'documents.yml'].map((file) => join(RULES, file))
const TESTS = globSync(join(RULES, '*.test.yml')).toSorted()

function run(program: string, ...args: string[]): Promise<{ exit: number; said: string }> {
  return new Promise((resolve) => {
    execFile(program, args, { cwd: ROOT }, (error, out, err) => {
      resolve({ exit: error === null ? 0 : Number(error.code), said: out + err })
    })
  })
}

function alertsOf(file: string): Rule[] {
  const { groups, mistakes } = readRuleFile(join(RULES, file))
  assert.deepEqual(mistakes, [])
  return groups.flatMap(({ rules }) => rules).filter(({ kind }) => kind === 'alert')
}

suite('shipped rules', { concurrency: 2 }, () => {
  test('promtool and Respite take them', async () => {
    for (const program of ['promtool', RESPITE]) {
      const { exit, said } = await run(
        program,
        ...(program === RESPITE ? ['rules', 'check'] : ['check', 'rules']),
        ...FILES,
      )
      assert.equal(exit, 0, said)
      assert.match(said, /SUCCESS: 5 rules found/)
    }
  })

  for (const file of TESTS)
    test(`${basename(file)}: promtool and Respite see what is expected`, async () => {
      for (const [program, words] of [
        ['promtool', ['test', 'rules']],
        [RESPITE, ['rules', 'test']],
      ] as const) {
        const { exit, said } = await run(program, ...words, file)
        assert.equal(exit, 0, said)
        assert.match(said, /SUCCESS/)
      }
    })

  test('every alert is seen to fire, and every one of redis.yml together with all others that fire', () => {
    const texts = new Map(TESTS.map((file) => [basename(file), readFileSync(file, 'utf8')]))
    const ofBuiltIn = [...texts].filter(([name]) => name !== 'documents.test.yml').map(([, text]) => text)
    const isSeen = (text: string, { name, labels }: Rule): boolean =>
      text.split('\n').some((line) => {
        const expected = line.includes(`alertname="${name}",alertstate="firing"`)
        return expected && Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`))
      })
    for (const alert of alertsOf('redis.yml').filter(({ name }) => name !== 'Watchdog'))
      assert.ok(
        ofBuiltIn.some((text) => isSeen(text, alert)),
        `${alert.name} ${JSON.stringify(alert.labels)}`,
      )
    const documents = texts.get('documents.test.yml') ?? ''
    for (const { name } of alertsOf('documents.yml'))
      assert.match(documents, new RegExp(`alertname(="|: )${name}`), name)
  })

  test('every alert is made to fire on real servers, and to end', () => {
    const files = ['alerts-on-servers.test.ts', 'alerts-on-fleets.test.ts', 'alerts-on-archives.test.ts']
    const text = files.map((file) => readFileSync(join(import.meta.dirname, file), 'utf8')).join('\n')
    for (const { name } of alertsOf('redis.yml').filter(({ name }) => name !== 'Watchdog')) {
      assert.match(text, new RegExp(`untilFires\\('${name}'|until\\('${name} fires'`), `${name} fires`)
      assert.ok(text.split(`'${name}`).length > 2, `${name} is named a second time, where it ends`)
    }
  })

  test('each says how bad it is, what happened, what it costs, what to do first and where to read on', () => {
    const byAnswer = ['RedisDown', 'WritesRefused'] // what to do first comes with the answer
    for (const { name, labels, annotations } of alertsOf('redis.yml')) {
      assert.match(labels['severity'] ?? '', /^(critical|warning|info|none)$/, name)
      for (const annotation of ['summary', 'description', 'impact'])
        assert.notEqual(annotations[annotation] ?? '', '', `${annotation} of ${name}`)
      assert.equal(annotations['first'] === undefined, byAnswer.includes(name), `first of ${name}`)
      assert.equal(annotations['runbook_url'], `{{ $externalURL }}/runbooks/${name}`)
    }
  })

  test('each has its page, each page its alert, and the links of the pages lead somewhere', () => {
    const names = new Set([...alertsOf('redis.yml'), ...alertsOf('documents.yml')].map(({ name }) => name))
    for (const name of names) assert.ok(existsSync(join(PAGES, `${name}.md`)), `runbooks/${name}.md`)
    for (const file of globSync(join(PAGES, '*.md'))) {
      const [page, text] = [basename(file, '.md'), readFileSync(file, 'utf8')]
      const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, link = '']) => link)
      for (const link of links) assert.ok(existsSync(join(PAGES, link)), `${page} links to ${link}`)
      assert.ok(text.startsWith(`# ${page}\n`), page)
      if (names.has(page))
        for (const heading of ['Meaning', 'Impact', 'Diagnosis', 'Mitigation', 'The rule'])
          assert.ok(text.includes(`\n## ${heading}\n`), `${heading} of ${page}`)
      else assert.equal(new Set(links).size, 1, `${page} is another name of one alert`)
    }
  })

  test('they have none of the mistakes that they replace', async () => {
    // Also while a server that suffers is asked every half minute.
    const setting = { sampleEveryMs: 30_000, metrics: await knownMetrics() }
    const found = lintRules([readRuleFile(join(RULES, 'redis.yml'))], setting)
    assert.deepEqual(
      found.map(({ rule, says }) => `${rule}: ${says}`),
      [],
    )
  })

  test("the documents' rules are theirs to the byte", () => {
    const text = readFileSync(join(RULES, 'documents.yml'), 'utf8')
    const runbooks = 'https://github.com/srerun/prometheus-alerts/blob/main/content/runbooks/oliver006-redis-exporter'
    const exporterRule = (name: string, expr: string, summary: string, says: string): string[] => [
      `alert: ${name}`,
      `expr: ${expr}`,
      'for: 0m',
      'labels:',
      '    severity: critical',
      'annotations:',
      `    summary: ${summary} (instance {{ $labels.instance }})`,
      '    description: |-',
      `        ${says}`,
      '          VALUE = {{ $value }}',
      '          LABELS = {{ $labels }}',
      `    runbook: ${runbooks}/${name}.md`,
    ]
    const shape = (lines: readonly string[]): string =>
      lines.map((line, at) => (at === 0 ? '      - ' : '        ') + line).join('\n')
    const backup = exporterRule(
      'RedisMissingBackup',
      'time() - redis_rdb_last_save_timestamp_seconds > 60 * 60 * 24',
      'Redis missing backup',
      'Redis has not been backuped for 24 hours',
    )
    const slaves = exporterRule(
      'RedisDisconnectedSlaves',
      'count without (instance, job) (redis_connected_slaves) - sum without (instance, job) (redis_connected_slaves) - 1 > 0',
      'Redis disconnected slaves',
      'Redis not replicating for all slaves. Consider reviewing the redis replication status.',
    )
    assert.ok(text.includes(shape(backup)))
    assert.ok(text.includes(shape(slaves)))
    const group = text
      .slice(text.indexOf('  - name: redis\n'))
      .trim()
      .split('\n')
      .map((line) => line.trim())
    assert.deepEqual(group.filter(Boolean), [
      '- name: redis',
      'rules:',
      '- alert: RedisDown',
      'expr: redis_up == 0',
      'for: 1m',
      'labels:',
      'severity: critical',
      'annotations:',
      'summary: "Redis is down"',
      'runbook_url: "https://gitlab.com/blueflyio/agent-platform/technical-docs/-/wikis/runbooks/redis"',
      '- alert: RedisMemoryHigh',
      'expr: redis_memory_used_bytes / redis_memory_max_bytes > 0.8',
      'for: 5m',
      'labels:',
      'severity: warning',
      'annotations:',
      'summary: "Redis memory usage high"',
      '- alert: RedisConnectionsHigh',
      'expr: redis_connected_clients / redis_config_maxclients > 0.8',
      'for: 5m',
      'labels:',
      'severity: warning',
      'annotations:',
      'summary: "Redis connection pool nearly exhausted"',
    ])
  })
})
