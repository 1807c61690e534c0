// The shape of the configuration file: every key that there is, with the sentence that an editor shows beside it. What
// only the running system can tell (does the file exist, does the name refer to anything) is not here but in config.ts.
// docs/respite.schema.json is made from this.

import { z } from 'zod'
import { parseListen } from './lib/listen-address.ts'
import { parseDurationMs } from './lib/units.ts'
import { parseAddress } from './redis/url.ts'

const DURATION = /^(?=.)(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$/

const duration = (says: string, atLeastMs = 0) =>
  z
    .string({ error: 'is not a duration; write 500ms, 5s, 10m, 6h or 7d' })
    .regex(DURATION, 'is not a duration; write 500ms, 5s, 10m, 6h or 7d')
    .refine((text) => !DURATION.test(text) || (parseDurationMs(text) ?? 0) >= atLeastMs, {
      error: `is too short; at least ${atLeastMs} ms`,
    })
    .transform((text) => parseDurationMs(text) ?? 0)
    .meta({ description: says })

const text = (says: string) => z.string().min(1, 'is empty').meta({ description: says })
const count = (says: string) => z.int().min(0).meta({ description: says })
const flag = (says: string) => z.boolean().meta({ description: says })
const file = (says: string) => text(`${says} (a path; relative to this file)`)

const listen = (says: string) =>
  z
    .string({ error: 'is not host:port; write 127.0.0.1:7379' })
    .refine((value) => parseListen(value) !== undefined, { error: 'is not host:port; write 127.0.0.1:7379' })
    .meta({ description: says })

const address = z.string().refine(isAddress, { error: 'is not host:port' })

function isAddress(value: string): boolean {
  try {
    parseAddress(value)
    return true
  } catch {
    return false // the schema says what is wrong
  }
}

const moment = (says: string) =>
  z.iso
    .datetime({ offset: true, error: 'is not a time with a zone; write 2026-01-31T22:00:00Z' })
    .meta({ description: says })

const tls = z
  .strictObject({
    caFile: file('Certificate of the CA that signed the servers’ certificates').optional(),
    certFile: file('Client certificate').optional(),
    keyFile: file('Key of the client certificate').optional(),
    serverName: text('Name that the servers’ certificates carry, when it is not the host').optional(),
  })
  .meta({ description: 'TLS; also turned on by rediss:// in the URL' })

const backup = z
  .strictObject({
    to: text('Where to: file:///path, s3://bucket/prefix, gs://… or azblob://…'),
    credentialsFile: file('Login of the store, instead of what its own tools use; docs/storage.md').optional(),
    recipients: z.array(text('An age public key')).optional(),
    identityFile: file('The age private key; needed to restore, to verify and to drill').optional(),
    attach: z.enum(['replica', 'primary']).optional().meta({ description: 'Which server the stream is read from' }),
    every: duration('How often a base is made').optional(),
    drill: duration('How often a restore is rehearsed').optional(),
    keep: z
      .strictObject({
        hourly: count('Bases to keep, one an hour').optional(),
        daily: count('Bases to keep, one a day').optional(),
        weekly: count('Bases to keep, one a week').optional(),
        monthly: count('Bases to keep, one a month').optional(),
        stream: duration('How far back every single write is kept').optional(),
      })
      .optional()
      .meta({ description: 'What is kept; the rest is removed once a day. Without it nothing is' }),
  })
  .meta({ description: 'Backup to storage' })

const namespace = z.strictObject({
  pattern: text('Glob of its keys, as in SCAN MATCH'),
  ttl: duration('The expiry that its keys should have').optional(),
  loss: text('What happens to users when it is lost').optional(),
})

const queue = z.strictObject({
  pattern: text('Glob of the keys that hold queues; without a wildcard one key'),
  db: count('Database number').optional(),
})

export const deploymentSchema = z.strictObject({
  name: text('What people call it; made from the URL when absent').optional(),
  url: text('redis://[user@]host:6379/0, rediss://…, unix:/path or redis+sentinel://h1:26379,h2:26379/mymaster'),
  passwordFile: file('File that holds the password; or set RESPITE_PASSWORD_<NAME> or RESPITE_PASSWORD').optional(),
  tls: tls.optional(),
  sentinel: z
    .strictObject({
      user: text('ACL user of the Sentinels').optional(),
      passwordFile: file('File that holds the password of the Sentinels').optional(),
    })
    .optional()
    .meta({ description: 'How to log in at the Sentinels, when it differs from the servers' }),
  addresses: z
    .record(address, address)
    .optional()
    .meta({ description: 'Announced host:port to the host:port that reaches it from here (NAT, containers)' }),
  every: z
    .strictObject({
      liveness: duration('How often each server is asked whether it answers (1s)', 200).optional(),
      sample: duration('How often all metrics are read (5s)', 1_000).optional(),
    })
    .optional(),
  canary: flag('Write and read an own key every few seconds, to see whether writes work').optional(),
  clientList: flag('One series for each connected client').optional(),
  configMetrics: flag('One series for each setting of the server').optional(),
  dataClass: z
    .enum(['store', 'cache'])
    .optional()
    .meta({ description: 'cache: losing or evicting keys is acceptable' }),
  expect: z
    .strictObject({
      replicas: count('How many replicas there should be, of each primary').optional(),
      sentinels: count('How many Sentinels there should be').optional(),
    })
    .optional()
    .meta({ description: 'The topology that should be; learned when absent' }),
  rpo: duration('How much may be lost, in time').optional(),
  rto: duration('How long a restore may take').optional(),
  owner: z
    .strictObject({
      team: text('Who owns it').optional(),
      slack: text('Channel of that team').optional(),
      oncall: text('Which notifier reaches whoever is on call').optional(),
    })
    .optional(),
  links: z
    .strictObject({
      insight: z.url().optional().meta({ description: 'A page that shows its data' }),
      dependents: z.array(z.url()).optional().meta({ description: 'Pages of what depends on it' }),
    })
    .optional(),
  supervisor: z
    .string()
    .regex(/^(process|systemd|docker|kubernetes|homebrew):.+$/, 'is not SUPERVISOR:NAME; write systemd:redis-server')
    .optional()
    .meta({
      description: 'What starts it: process:PID, systemd:UNIT, docker:NAME, kubernetes:NAMESPACE/POD, homebrew:redis',
    }),
  namespaces: z.record(z.string().min(1), namespace).optional(),
  queues: z.array(queue).optional().meta({ description: 'Lists, sorted sets and streams that are queues' }),
  backup: backup.optional(),
})

const notify = z
  .strictObject({
    slack: z.strictObject({ urlFile: file('File that holds the webhook’s URL') }).optional(),
    pagerduty: z
      .strictObject({
        keyFile: file('File that holds the integration key'),
        url: z.url().optional().meta({ description: 'Where events go, for another region or a proxy' }),
      })
      .optional(),
    email: z
      .strictObject({
        to: z.array(z.email()).min(1, 'is empty'),
        from: z.email(),
        server: text('SMTP server as host:port'),
        user: text('Who logs in there').optional(),
        passwordFile: file('File that holds that user’s password').optional(),
      })
      .optional(),
    webhook: z
      .strictObject({
        urlFile: file('File that holds the URL').optional(),
        url: z.url().optional(),
        secretFile: file('File that holds the secret that requests are signed with').optional(),
      })
      .optional(),
    alertmanager: z
      .strictObject({
        url: z.url().meta({ description: 'Its address, as amtool takes it' }),
        user: text('Who logs in there').optional(),
        passwordFile: file('File that holds that user’s password').optional(),
      })
      .optional(),
  })
  .meta({ description: 'Who can be told of alerts' })

export const configSchema = z
  .strictObject({
    listen: listen('Where the API listens; loopback only (127.0.0.1:7379)').optional(),
    listenMetrics: listen('Where /metrics, /healthz and /readyz are also served, for others').optional(),
    data: text('The folder of Respite’s own state').optional(),
    history: duration('How long samples are kept in memory (1h)', 60_000).optional(),
    deployments: z.array(deploymentSchema).min(1, 'is empty; name at least one deployment with its url'),
    rules: z.array(text('builtin, documents, or a glob of Prometheus rule files')).optional(),
    notify: notify.optional(),
    heartbeat: z
      .strictObject({
        url: z.url().optional(),
        urlFile: file('File that holds the URL, where it is a secret').optional(),
        every: duration('How often (1m)', 1_000).optional(),
      })
      .optional()
      .meta({ description: 'A URL that is told that Respite is well, by POST; who waits for it notices our silence' }),
    routes: z
      .array(
        z.strictObject({
          match: z.record(z.string(), z.string()).optional(),
          to: z.array(text('A notifier of notify:')).min(1, 'is empty'),
          escalateAfter: duration('When the next of `to` is told, unless somebody acknowledged').optional(),
        }),
      )
      .optional(),
    maintenance: z
      .array(
        z.strictObject({
          deployment: text('Its name; all when absent').optional(),
          from: moment('Begin, ISO 8601 with a zone'),
          to: moment('End, ISO 8601 with a zone'),
          reason: text('What is done').optional(),
        }),
      )
      .optional(),
    diagnosis: z
      .strictObject({
        wait: duration(
          'How long the first message of an alert waits for its cause, counted from pending (3s)',
        ).optional(),
        every: duration('How often each deployment is looked at although nothing is wrong (10m)', 10_000).optional(),
        checks: file('Folder of checks of your own, beside those that are shipped').optional(),
        runbooks: file('Folder of runbooks of your own, which go before those that are shipped').optional(),
      })
      .optional(),
    allow: z
      .array(z.strictObject({ action: text('Id of an action'), deployment: text('Its name').optional() }))
      .optional()
      .meta({ description: 'Actions that may run without approval' }),
  })
  .meta({ title: 'Respite', description: 'Configuration of Respite' })

export type ConfigDocument = z.output<typeof configSchema>
export type DeploymentSection = ConfigDocument['deployments'][number]

/** The schema for editors. */
export function configJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7' }) as Record<string, unknown>
}
