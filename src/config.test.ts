// Every kind of mistake in a configuration file, with the place and the words that a person gets for it; then what a
// right one becomes. Real files in a folder of their own, real certificates.

import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import * as fc from 'fast-check'
import { parse } from 'yaml'
import { makeCertificates } from '../lab/certificates.ts'
import { makeConfig, type Config } from './config.ts'
import { configJsonSchema } from './config-schema.ts'
import { Fault } from './lib/fault.ts'

let dir = ''
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'respite-config-'))
  put('secret', 's3cret\n')
  put('empty', '')
  put('open', 'x', 0o644)
  put('text.pem', 'not a certificate')
  put('torn.pem', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
  const { server, client } = await makeCertificates(dir)
  for (const [name, pair] of [
    ['a', server],
    ['b', client],
  ] as const) {
    put(`${name}.pem`, readFileSync(pair.certFile, 'utf8'))
    put(`${name}.key`, readFileSync(pair.keyFile, 'utf8'))
  }
})
after(() => rmSync(dir, { recursive: true }))

function put(name: string, text: string, mode = 0o600): string {
  const file = join(dir, name)
  writeFileSync(file, text)
  chmodSync(file, mode)
  return file
}

const read = (yaml: string, env: NodeJS.ProcessEnv = {}): Promise<Config> =>
  makeConfig({ file: put('respite.yml', yaml), urls: [], flags: {} }, env)

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof Fault, `no Fault: ${String(error)}`)
  return error
}

const one = (more: string): string => `deployments:\n  - url: redis://h\n    ${more}\n`

/** The YAML, where the mistake is (line:column), what is said, what to do. */
const MISTAKES: readonly [what: string, yaml: string, at: string, says: RegExp, hint: RegExp | undefined][] = [
  ['nothing at all', '', '1:1', /^deployments is missing$/, /Add deployments:/],
  ['a list as the whole', '- a\n', '1:1', /^the file is a list and not a section/, undefined],
  ['no YAML', 'listen: [\n', '2:1', /^this is not YAML: /, undefined],
  ['a key twice', 'listen: a:1\nlisten: b:1\n', '2:1', /this is not YAML: Map keys must be unique/, undefined],
  ['an alias of nothing', 'listen: *a\n', '1:9', /^this is not YAML: there is no &a before this \*a$/, undefined],
  ['two documents', 'listen: a:1\n---\nlisten: b:1\n', '2:1', /multiple documents/, undefined],
  ['a tab', 'deployments:\n\t- url: x\n', '2:1', /this is not YAML: Tabs are not allowed/, undefined],
  ['an unknown key', one('# x').replace('url', 'histroy: 1h\n    url'), '2:5', /^"histroy" is not known in entry 1 of deployments$/, /Known here: name, url/],
  ['a key misspelt', `histroy: 1h\n${one('')}`, '1:1', /^"histroy" is not known here$/, /^Did you mean "history"\?$/],
  ['letters swapped, nested', one('tls: { caFlie: x }'), '3:12', /^"caFlie" is not known in tls$/, /^Did you mean "caFile"\?$/],
  ['a wrong case', one('dataclass: store'), '3:5', /^"dataclass" is not known/, /^Did you mean "dataClass"\?$/],
  ['a missing url', 'deployments:\n  - name: orders\n', '2:5', /^url is missing$/, /^Add url:$/],
  ['no deployment', 'deployments: []\n', '1:14', /^deployments is empty$/, /at least one deployment/],
  ['a number for a text', one('name: 5'), '3:11', /^name is a number and not a text$/, /quotes/],
  ['a text for a number', one('expect: { replicas: two }'), '3:25', /^replicas is a text and not a number$/, undefined],
  ['half a replica', one('expect: { replicas: 1.5 }'), '3:25', /^replicas is a broken number and not a whole number$/, undefined],
  ['fewer than none', one('expect: { replicas: -1 }'), '3:25', /^replicas is below 0$/, undefined],
  ['a login for a folder', one('backup: { to: "file:///b", credentialsFile: open }'), '3:49', /^nobody logs in to a folder/, /Leave credentialsFile out/],
  ['an empty section', one('tls:'), '3:9', /^tls is empty and not a section with keys$/, undefined],
  ['yes for true', one('canary: yes'), '3:13', /^canary is a text and not true or false$/, undefined],
  ['a word of a list', one('dataClass: stor'), '3:16', /^dataClass is not one of store, cache$/, /^Did you mean "store"\?$/],
  ['another word', one('dataClass: queue'), '3:16', /not one of store, cache/, /^Write one of: store, cache\.$/],
  ['a bare number of seconds', one('rpo: 5'), '3:10', /^rpo is not a duration$/, /^Write 500ms, 5s/],
  ['a duration with a space', one('rpo: 5 s'), '3:10', /^rpo is not a duration$/, /^Write 500ms, 5s/],
  ['too short an interval', one('every: { sample: 10ms }'), '3:22', /^sample is too short$/, /^At least 1000 ms$/],
  ['no port to listen on', `listen: localhost\n${one('')}`, '1:9', /^listen is not host:port$/, /^Write 127/],
  ['a broken address', one('addresses: { "a:b:c": "h:1" }'), '3:18', /^"a:b:c" is not host:port$/, undefined],
  ['a broken address to reach', one('addresses: { "a:1": "h:99999" }'), '3:25', /is not host:port$/, undefined],
  ['an unknown supervisor', one('supervisor: runit'), '3:17', /^supervisor is not SUPERVISOR:NAME$/, /systemd/],
  ['no URL in a link', one('links: { insight: wiki }'), '3:23', /^insight is not a URL$/, undefined],
  ['another scheme', 'deployments:\n  - url: http://h\n', '2:10', /^the url: its scheme is not one/, /redis:\/\//],
  ['a broken host', 'deployments:\n  - url: redis://h:x\n', '2:10', /^the url: "h:x" is not host:port$/, undefined],
  ['a password', one('password: geheim'), '3:5', /^a secret may not stand in this file \("password"\)$/, /passwordFile/],
  ['a password misspelt', one('pasword: geheim'), '3:5', /^a secret may not stand/, /RESPITE_PASSWORD_<NAME>/],
  ['a password in the URL', 'deployments:\n  - name: my-db\n    url: redis://u:geheim@h\n', '3:10', /^a password may not stand in this file/, /RESPITE_PASSWORD_MY_DB/],
  ['a secret that is not there', one('passwordFile: nowhere'), '3:19', /^passwordFile \(\S+nowhere\): there is no such file$/, /path/],
  ['an empty secret', one('passwordFile: empty'), '3:19', /it is empty$/, /Write the password into it/],
  ['a secret that is a folder', one('passwordFile: .'), '3:19', /it is a folder$/, /path/],
  ['a CA that is not there', one('tls: { caFile: nowhere }'), '3:20', /there is no such file/, undefined],
  ['a CA that is no PEM', one('tls: { caFile: text.pem }'), '3:20', /it is not in PEM format/, /openssl/],
  ['a torn CA', one('tls: { caFile: torn.pem }'), '3:20', /it does not parse/, undefined],
  ['a certificate without key', one('tls: { certFile: a.pem }'), '3:22', /without its key/, undefined],
  ['a key without certificate', one('tls: { keyFile: a.key }'), '3:21', /without its certificate/, undefined],
  ['a key of another', one('tls: { certFile: a.pem, keyFile: b.key }'), '3:38', /not the key of the client cert/, undefined],
  ['a key that is none', one('tls: { certFile: a.pem, keyFile: b.pem }'), '3:38', /not a private key/, undefined],
  ['the same name twice', 'deployments:\n  - { name: a, url: "redis://h" }\n  - { name: a, url: "redis://i" }\n', '3:13', /second deployment is called "a"/, undefined],
  ['a notifier without its secret', `${one('')}notify: { slack: { urlFile: nowhere } }\n`, '4:29', /^urlFile \(.*nowhere\): there is no such file$/, undefined],
  ['a secret that is no URL', `${one('')}notify: { slack: { urlFile: secret } }\n`, '4:29', /is not an http:\/\/ or https:\/\/ URL$/, /Write the URL into it/],
  ['a webhook to nowhere', `${one('')}notify: { webhook: {} }\n`, '4:20', /^neither url nor urlFile is given$/, /one of them/],
  ['a heartbeat to nowhere', `${one('')}heartbeat: { every: 1m }\n`, '4:12', /^neither url nor urlFile is given$/, /one of them/],
  ['a route to nobody', `${one('')}routes: [{ to: [slack] }]\n`, '4:17', /^notify has no "slack"$/, undefined],
  ['a route without aim', `${one('')}routes: [{ to: [] }]\n`, '4:16', /^to is empty$/, undefined],
  ['maintenance of nobody', `${one('name: a')}maintenance: [{ deployment: b, from: 2026-01-01T00:00:00Z, to: 2026-01-02T00:00:00Z }]\n`, '4:29', /^no deployment is called "b"$/, undefined],
  ['maintenance without a zone', `${one('')}maintenance: [{ from: 2026-01-01, to: 2026-01-02T00:00:00Z }]\n`, '4:23', /^from is not a time with a zone$/, undefined],
  ['maintenance backwards', `${one('')}maintenance: [{ from: 2026-01-03T00:00:00Z, to: 2026-01-02T00:00:00Z }]\n`, '4:49', /^to is not after from$/, undefined],
] // prettier-ignore

const SCRAPS = [
  '',
  '\n',
  '- ',
  ': ',
  '[',
  '{',
  '}',
  '*a',
  '&a ',
  '!!set ',
  '? ',
  '<<: ',
  'null',
  '1',
  '"',
  '#',
  '\t',
  '\0',
  '🙂',
  '|',
  '---\n',
  '...\n',
]

describe('a configuration with a mistake', () => {
  for (const [what, yaml, at, says, hint] of MISTAKES)
    it(`says where and what: ${what}`, async () => {
      const fault = await faultOf(read(yaml))
      assert.equal(fault.target, `${join(dir, 'respite.yml')}:${at}`, fault.toText())
      assert.match(fault.why, says)
      if (hint !== undefined) assert.match(fault.hint ?? '', hint)
      assert.equal(fault.exit, 64)
      assert.doesNotMatch(fault.toText(), /geheim|s3cret/)
    })

  it('tells all of them at once, in the order of their lines', async () => {
    const fault = await faultOf(
      read('histroy: 1h\ndeployments:\n  - url: redis://:geheim@h\n  - urll: x\n  - url: foo\n'),
    )
    assert.match(fault.why, /^5 mistakes\n/)
    const lines = [...fault.why.matchAll(/respite\.yml:(\d+):/g)].map((match) => Number(match[1]))
    assert.deepEqual(lines, [1, 3, 4, 4, 5])
  })

  it('is a Fault with a place, or right, whatever is written into it', async () => {
    const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'configuration.md'), 'utf8')
    const whole = page.split('```yaml\n').at(-1)?.split('```')[0] ?? ''
    const places = fc.array(fc.tuple(fc.nat(whole.length), fc.nat(12), fc.constantFrom(...SCRAPS)), {
      minLength: 1,
      maxLength: 3,
    })
    await fc.assert(
      fc.asyncProperty(places, async (edits) => {
        let yaml = whole
        for (const [at, drop, scrap] of edits) yaml = yaml.slice(0, at) + scrap + yaml.slice(at + drop)
        const made = await read(yaml).catch((error: unknown) => error)
        if (made instanceof Fault) assert.match(made.toText(), /respite\.yml:\d+:\d+: \S/)
        else assert.ok('deployments' in (made as Config), String(made))
      }),
      { numRuns: 60 },
    )
  })

  it('names a file that is not there', async () => {
    const fault = await faultOf(makeConfig({ file: join(dir, 'none.yml'), urls: [], flags: {} }, {}))
    assert.deepEqual([fault.why, fault.exit], ['there is no such file', 64])
  })
})

describe('a configuration', () => {
  it('of three lines is whole', async () => {
    const config = await read('deployments:\n  - name: orders\n    url: redis://10.0.0.5\n')
    const [orders] = config.deployments
    assert.equal(orders?.name, 'orders')
    assert.deepEqual(orders?.target.seeds, [{ host: '10.0.0.5', port: 6379 }])
    assert.deepEqual(orders?.every, { livenessMs: 1_000, sampleMs: 5_000 })
    assert.deepEqual(config.listen, { host: '127.0.0.1', port: 7379 })
    assert.deepEqual(config.warnings, [])
  })

  it('gives an unnamed deployment the name of its master or first address', async () => {
    const config = await read(
      'deployments:\n  - url: redis+sentinel://a,b:1/mymaster\n  - url: unix:/run/r.sock\n  - url: redis://h:1,i:2\n',
    )
    assert.deepEqual(
      config.deployments.map(({ name }) => name),
      ['mymaster', '/run/r.sock', 'h:1'],
    )
  })

  it('takes passwords from its own variable, the file before the environment, the general variable last', async () => {
    const yaml = `deployments:
  - { name: my-db, url: "redis://u@a" }
  - { name: b, url: "redis://b", passwordFile: secret }
  - { name: c, url: "redis://c", sentinel: { user: s, passwordFile: secret } }`
    const env = { RESPITE_PASSWORD: 'general', RESPITE_PASSWORD_MY_DB: 'own', RESPITE_PASSWORD_B: 'not this' }
    const { deployments } = await read(yaml, env)
    assert.deepEqual(
      deployments.map(({ access }) => access),
      [{ user: 'u', password: 'own' }, { password: 's3cret' }, { password: 'general' }],
    )
    assert.deepEqual(deployments[2]?.sentinelAccess, { user: 's', password: 's3cret' })
  })

  it('reads certificates to their text and turns TLS on', async () => {
    const { deployments } = await read(one('tls: { caFile: b.pem, certFile: a.pem, keyFile: a.key, serverName: db }'))
    const { tls } = deployments[0]?.access ?? {}
    assert.equal(tls?.ca, readFileSync(join(dir, 'b.pem'), 'utf8'))
    assert.match(tls?.key ?? '', /PRIVATE KEY/)
    assert.equal(tls?.serverName, 'db')
  })

  it('warns of a secret that others can read, and of what is not in effect yet', async () => {
    const { warnings } = await read(
      `${one('passwordFile: open\n    backup: { to: "file:///b", drill: 1d, keep: { daily: 3 } }')}allow: [{ action: save-now }]\n`,
    )
    assert.match(warnings.join('\n'), /open can be read by everybody on this machine; chmod 600/)
    assert.match(warnings.join('\n'), /allow: is read and checked, and not in effect/)
    assert.match(warnings.join('\n'), /backup.drill: is read and checked, and not in effect/)
    assert.doesNotMatch(warnings.join('\n'), /backup.keep/)
  })

  it('accepts every key, as docs/configuration.md shows them', async () => {
    const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'configuration.md'), 'utf8')
    const [, minimal = '', whole = ''] = page.split('```yaml\n').map((part) => part.split('```')[0] ?? '')
    assert.equal((await read(minimal)).deployments.length, 1)
    const secrets = {
      'slack-url': 'https://hooks.example/x',
      'hook-url': 'https://hook.example/',
      'pagerduty-key': 'k',
    }
    const identity = 'AGE-SECRET-KEY-1QQQQ' // is used when something is read back
    const login = { 'bucket-login': '[default]' }
    const others = { 'heartbeat-url': 'https://hc.example/secret', 'hook-secret': 's', identity, ...login }
    for (const [name, text] of Object.entries({ ...secrets, ...others })) writeFileSync(join(dir, name), `${text}\n`)
    mkdirSync(join(dir, 'rules'))
    writeFileSync(
      join(dir, 'rules', 'own.yml'),
      'groups: [{ name: own, rules: [{ alert: Own, expr: redis_up == 0 }] }]\n',
    )
    const { deployments, historyMs, dataDir, listenMetrics, rules, alerts } = await read(whole)
    assert.ok(rules.groups.some(({ name }) => name === 'own'))
    assert.deepEqual(alerts.notify.get('slack'), { url: 'https://hooks.example/x' })
    assert.deepEqual(alerts.heartbeat, { url: 'https://hc.example/secret', everyMs: 60_000 })
    assert.deepEqual(alerts.routes, [
      { match: { severity: 'critical' }, to: ['pagerduty', 'slack'], escalateAfterMs: 600_000 },
    ])
    assert.deepEqual(alerts.owners.get('orders')?.team, 'payments')
    assert.equal(alerts.maintenance[0]?.toMs, Date.parse('2026-01-01T23:00:00Z'))
    assert.deepEqual(keysOf(parse(whole)), schemaKeysOf(configJsonSchema()), 'the page shows every key that there is')
    const [orders] = deployments
    assert.deepEqual(orders?.backup?.identities, [identity])
    assert.partialDeepStrictEqual(orders.backup, { to: 's3://bucket/prefix', attach: 'replica', everyMs: 21_600_000 })
    const { credentialsFile, keep } = orders.backup
    assert.equal(credentialsFile, join(dir, 'bucket-login'))
    assert.deepEqual(keep, { hourly: 24, daily: 7, weekly: 4, monthly: 12, streamMs: 604_800_000 })
    assert.deepEqual(orders?.addresses.get('172.17.0.2:6379'), { host: '127.0.0.1', port: 7001 })
    assert.deepEqual(orders?.settings.queues, [{ pattern: 'bull:*:wait' }, { pattern: 'celery', db: 1 }])
    assert.deepEqual(orders?.every, { livenessMs: 500, sampleMs: 10_000 })
    assert.deepEqual([historyMs, dataDir, listenMetrics?.port], [7_200_000, join(dir, 'state'), 9121])
  })
})

/** `deployments.tls.caFile`, and so on, of everything in the value; keys that a person chooses are `*`. */
function keysOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return [...new Set(value.flatMap((entry) => keysOf(entry, path)))].toSorted()
  if (typeof value !== 'object' || value === null) return []
  const free = /(^|\.)(addresses|namespaces|match)$/.test(path)
  const keys = Object.entries(value).flatMap(([key, inner]) => {
    const at = `${path === '' ? '' : `${path}.`}${free ? '*' : key}`
    return [...(free ? [] : [at]), ...keysOf(inner, at)]
  })
  return [...new Set(keys)].toSorted()
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly additionalProperties?: Schema | boolean
}

function schemaKeysOf(schema: Schema, path = ''): string[] {
  const step = (key: string): string => (path === '' ? key : `${path}.${key}`)
  const named = Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => [
    step(key),
    ...schemaKeysOf(inner, step(key)),
  ])
  const free =
    typeof schema.additionalProperties === 'object' ? schemaKeysOf(schema.additionalProperties, step('*')) : []
  const items = schema.items === undefined ? [] : schemaKeysOf(schema.items, path)
  return [...named, ...free, ...items].toSorted()
}

describe('URLs on the command line', () => {
  const ofUrls = (urls: string[], flags: Record<string, string> = {}): Promise<Config> =>
    makeConfig({ urls, flags }, { RESPITE_PASSWORD: 'general' })

  it('are deployments with all defaults', async () => {
    const { deployments, listen } = await ofUrls(['redis://a', 'unix:/b'], { listen: '127.0.0.1:0', user: 'u' })
    assert.deepEqual(
      deployments.map(({ name, access }) => [name, access]),
      [
        ['a:6379', { user: 'u', password: 'general' }],
        ['/b', { user: 'u', password: 'general' }],
      ],
    )
    assert.equal(listen.port, 0)
  })

  it('come beside the deployments of a file, whose settings flags override', async () => {
    const file = put('respite.yml', 'listen: 127.0.0.1:1\ndata: state\ndeployments: [{ url: "redis://a" }]\n')
    const config = await makeConfig({ file, urls: ['redis://b'], flags: { listen: '127.0.0.1:2', data: dir } }, {})
    assert.equal(config.deployments.length, 2)
    assert.deepEqual([config.listen.port, config.dataDir], [2, dir])
  })

  it('may not be given twice, and there must be one', async () => {
    assert.equal((await faultOf(ofUrls(['redis://a', 'redis://a:6379']))).why, 'it is given twice')
    const fault = await faultOf(ofUrls([]))
    assert.match(fault.why, /^no URL, no --config/)
    assert.equal(fault.exit, 64)
  })

  it('warn of a password in them without showing it', async () => {
    const config = await ofUrls(['redis://:geheim@a'])
    assert.match(config.warnings.join(), /--password-file/)
    assert.doesNotMatch(
      JSON.stringify([config.warnings, config.deployments.map(({ target }) => target.shown)]),
      /geheim/,
    )
  })

  it('are what the flags that log in are for', async () => {
    const file = put('respite.yml', 'deployments: [{ url: "redis://a" }]\n')
    const fault = await faultOf(makeConfig({ file, urls: [], flags: { passwordFile: join(dir, 'secret') } }, {}))
    assert.deepEqual([fault.target, fault.exit], ['--password-file', 64])
  })

  it('warn of a password file that others can read', async () => {
    const { warnings } = await ofUrls(['redis://a'], { passwordFile: join(dir, 'open') })
    assert.match(warnings.join(), /open can be read by everybody/)
  })

  it('name a flag that is wrong', async () => {
    const fault = await faultOf(ofUrls(['redis://a'], { listenMetrics: '9121' }))
    assert.deepEqual([fault.target, fault.exit], ['--listen-metrics', 64])
  })
})

it('docs/respite.schema.json is what scripts/make-schema.ts makes', () => {
  const file = join(import.meta.dirname, '..', 'docs', 'respite.schema.json')
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), JSON.parse(JSON.stringify(configJsonSchema())))
})
