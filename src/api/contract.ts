// Every JSON document that Respite prints or serves, as a schema and as a type. Programs are written against these: a
// document only ever grows. The schemas are strict, so that a test which checks a document against its schema also sees
// what was printed and is documented nowhere.

import { z } from 'zod'
import { deploymentKind, flavour } from './contract-archive.ts'
import { atRiskSchema, couldNotLookSchema, findingSchema, severity, undecidedSchema } from './contract-diagnosis.ts'

export * from './contract-archive.ts'
export * from './contract-diagnosis.ts'

const role = z.enum(['primary', 'replica', 'sentinel', 'unknown'])

/** What a failed command prints with --json, and what the API answers to a request that failed. */
export const faultSchema = z.strictObject({
  fault: z.strictObject({
    doing: z.string(),
    target: z.string(),
    why: z.string(),
    hint: z.string(),
    offset: z.number().optional(),
  }),
})

/** What a server answers to a new client; `says`, `means` and `first` are the words of the screen. */
const answerSchema = z.strictObject({
  id: z.string(), // "ok", "refused", "maxclients": the label of respite_server_answer
  says: z.string(),
  means: z.string(),
  first: z.string(), // what to do first
  severity: z.enum(['ok', 'warning', 'critical']),
  text: z.string().optional(), // the server's or the system's own words
  at: z.iso.datetime(), // of the last attempt
  since: z.iso.datetime(), // since when it is this answer
  connectMs: z.number().optional(),
  replyMs: z.number().optional(),
})

const fleetServerSchema = z.strictObject({
  id: z.string(), // announced host:port, or the path of a unix socket
  address: z.string(), // how we reach it; differs from the id behind NAT
  role,
  standing: z.enum(['expected', 'new', 'missing']),
  answer: answerSchema,
  reserved: z.boolean(), // do we hold our own connection
  version: z.string().optional(),
  flavour: flavour.optional(),
  runId: z.string().optional(),
  primary: z.string().optional(), // of a replica
  linkUp: z.boolean().optional(), // of a replica
  shard: z.string().optional(), // of a Cluster node
  lagSeconds: z.number().optional(), // of a replica: age of the oldest offset that it has not acknowledged
  couldNotLook: z.array(couldNotLookSchema),
})

/** `respite fleet --json` and GET /api/v1/fleet. */
export const fleetSchema = z.strictObject({
  deployments: z.array(
    z.strictObject({
      name: z.string(),
      kind: deploymentKind,
      servers: z.array(fleetServerSchema),
      missing: z.array(z.string()), // ids that are expected and that nobody names any more
      problems: z.array(z.string()), // "expected 2 replicas, found 1"
      couldNotLook: z.array(couldNotLookSchema),
    }),
  ),
})

/** The body of POST /api/v1/fleet/accept and /api/v1/fleet/forget, over the unix socket alone. */
export const fleetChangeSchema = z.strictObject({ server: z.string().min(1) })

/** `respite fleet accept|forget SERVER --json`, and the answer to those two requests. */
export const fleetChangedSchema = z.strictObject({
  server: z.string(),
  change: z.enum(['accepted', 'forgotten']),
})

const alertSchema = z.strictObject({
  name: z.string(),
  severity: z.string(), // as the rule says it
  state: z.enum(['pending', 'firing']),
  value: z.string(), // text, as in Prometheus
  labels: z.record(z.string(), z.string()),
})

/** `respite doctor URL --json`. */
export const doctorSchema = z.strictObject({
  target: z.string(), // the URL without a password
  verdict: z.enum(['healthy', 'warning', 'critical', 'unreachable']), // of the deployment, not of one server
  reasons: z.array(z.string()), // why the verdict is not healthy, a sentence each
  tookMs: z.number(),
  deployment: z.strictObject({
    kind: deploymentKind,
    servers: z.array(
      z.strictObject({
        id: z.string(),
        address: z.string(),
        role,
        version: z.string().optional(), // absent: it could not be asked
        flavour: flavour.optional(),
        answer: answerSchema.optional(),
        health: z // what INFO says; a field that it does not say is absent, and not zero
          .strictObject({
            uptimeSeconds: z.number().optional(),
            os: z.string().optional(),
            usedMemoryBytes: z.number().optional(),
            maxmemoryBytes: z.number().optional(), // 0: no limit
            maxmemoryPolicy: z.string().optional(),
            clients: z.number().optional(),
            maxClients: z.number().optional(),
            rejectedConnections: z.number().optional(),
            evictedKeys: z.number().optional(),
            replicas: z.number().optional(),
          })
          .optional(),
      }),
    ),
  }),
  platform: z.strictObject({
    id: z.enum(['self-hosted', 'elasticache', 'azure-cache', 'memorystore', 'redis-cloud', 'unknown']),
    says: z.string(), // "Amazon ElastiCache"
    because: z.string(), // what tells
    first: z.string(), // what to look at first there
  }),
  alerts: z.array(alertSchema),
  history: z // absent: no daemon was asked, or none could answer
    .strictObject({
      dataDir: z.string(), // of the daemon that was asked for what one look is too short for
      deployment: z.string(), // its name there
      heldMs: z.number(), // of samples, up to an hour
      rules: z.array(z.string()), // that it answered; what they find is among the alerts
    })
    .optional(),
  findings: z.array(findingSchema),
  undecided: z.array(undecidedSchema).optional(), // absent: no such doubt
  atRisk: atRiskSchema,
  couldNotLook: z.array(couldNotLookSchema),
})

/** The lines of `respite watch --json`, one object each. More events come; a reader passes over those it does not know. */
export const watchEventSchema = z.discriminatedUnion('event', [
  z.strictObject({ event: z.literal('listening'), url: z.url() }),
  z.strictObject({
    event: z.literal('answer'), // a server answers otherwise than before
    deployment: z.string(),
    server: z.string(),
    role,
    answer: answerSchema,
  }),
  z.strictObject({
    event: z.literal('notice'), // what Respite has to say of itself: a configuration that was refused
    level: z.enum(['info', 'warn', 'error']),
    text: z.string(),
  }),
])

/** GET /api/v1/slowlog?deployment=…&server=…: the slow log as far as it was followed, oldest first, without secrets. */
export const slowLogSchema = z.strictObject({
  commands: z.array(
    z.strictObject({
      id: z.number(),
      at: z.iso.datetime(), // when the command ended
      durationUs: z.number(),
      command: z.array(z.string()), // as the server cut it
      client: z.string(), // address; '' where the server does not say
      clientName: z.string(),
    }),
  ),
})

/** `respite alerts --json` and GET /api/v1/alert-list: every alert, who was told of it, and who was not and why. */
export const alertListSchema = z.strictObject({
  alerts: z.array(
    z.strictObject({
      id: z.string(), // what `respite alerts ack` takes; the beginning of it is enough
      name: z.string(),
      severity,
      state: z.enum(['pending', 'firing', 'resolved']),
      flapping: z.boolean(), // it comes and goes: its end is believed after a quiet time
      since: z.iso.datetime(),
      resolved: z.iso.datetime().optional(),
      value: z.string(),
      labels: z.record(z.string(), z.string()),
      annotations: z.record(z.string(), z.string()),
      server: z // the one that it is about, as it answers now
        .strictObject({ id: z.string(), role: z.string(), says: z.string(), means: z.string(), first: z.string() })
        .optional(),
      cause: z // why it fires, as far as it is known
        .strictObject({ check: z.string(), says: z.string(), incident: z.string() })
        .optional(),
      ack: z
        .strictObject({ by: z.string(), comment: z.string(), at: z.iso.datetime(), until: z.iso.datetime() })
        .optional(),
      silencedBy: z.array(z.string()), // ids of silences
      inhibitedBy: z.array(z.string()), // ids of alerts
      notifiers: z.array(
        z.strictObject({
          notifier: z.string(),
          toldAt: z.iso.datetime().optional(), // that it fires
          why: z.string().optional(), // why it is not told (more) now
          says: z.string().optional(), // the same in words
        }),
      ),
    }),
  ),
  deliveries: z.array(
    z.strictObject({
      at: z.iso.datetime(),
      notifier: z.string(),
      group: z.string(),
      kind: z.string(), // firing, escalation, repeat, acknowledged, resolved, test
      alerts: z.number(),
      attempt: z.number(),
      outcome: z.enum(['delivered', 'retry', 'refused']),
      says: z.string(),
      tookMs: z.number(),
    }),
  ),
  keptInMemoryOnly: z.string().optional(), // why nothing of this can be written to disk
})

/** The body of POST /api/v1/alert-list/ack, over the unix socket alone. */
export const acknowledgeSchema = z.strictObject({
  id: z.string().min(1),
  by: z.string().min(1),
  comment: z.string().optional(),
  forMs: z.number().positive().optional(),
})

/** `respite alerts ack ID --json`, and the answer to that request. */
export const acknowledgedSchema = z.strictObject({ id: z.string(), until: z.iso.datetime() })

/** The body of POST /api/v1/notify/test, over the unix socket alone. */
export const notifyTestSchema = z.strictObject({ notifiers: z.array(z.string()).optional() })

/** `respite notify test --json`, and the answer to that request. */
export const notifyTestedSchema = z.strictObject({
  notifiers: z.array(
    z.strictObject({ notifier: z.string(), outcome: z.enum(['delivered', 'retry', 'refused']), says: z.string() }),
  ),
})

/** `respite alerts token --json`, and the answer to POST /api/v1/alert-list/token. */
export const tokenSchema = z.strictObject({
  url: z.string(), // what amtool takes as --alertmanager.url
  tokenFile: z.string(),
  amtoolFile: z.string(), // what amtool takes as --http.config.file
})

const verdictOfRules = z.enum(['ok', 'wrong'])

/** `respite rules check --json`. */
export const rulesCheckedSchema = z.strictObject({
  verdict: verdictOfRules,
  files: z.array(
    z.strictObject({
      file: z.string(),
      rules: z.number(),
      mistakes: z.array(z.strictObject({ line: z.number(), column: z.number(), says: z.string() })), // line 0: of the whole file
      findings: z.array(
        z.strictObject({
          check: z.string(), // the id of the check of the linter
          line: z.number(),
          column: z.number(),
          group: z.string(),
          rule: z.string(),
          says: z.string(),
          hint: z.string(),
        }),
      ),
    }),
  ),
})

/** `respite rules test --json`. */
export const rulesTestedSchema = z.strictObject({
  verdict: verdictOfRules,
  files: z.array(
    z.strictObject({
      file: z.string(),
      tests: z.number(),
      warnings: z.array(z.string()),
      failures: z.array(z.string()), // what did not come out as expected, as promtool words it
    }),
  ),
})

/** `respite logs --json`. */
export const logsSchema = z.strictObject({
  target: z.string(),
  since: z.string(), // ISO 8601; what is older was left out
  level: z.enum(['debug', 'verbose', 'notice', 'warning']), // what is less important was left out
  sources: z.array(z.strictObject({ source: z.string(), entries: z.number() })),
  leftOut: z.number(), // older entries than those that are here, of more than a document can hold
  entries: z.array(
    z.strictObject({
      at: z.string().optional(), // ISO 8601; absent: nobody knows
      source: z.string(),
      pid: z.number().optional(), // absent: text that is no entry of the server's log
      role: z.enum(['primary', 'replica', 'sentinel', 'child']).optional(),
      level: z.enum(['debug', 'verbose', 'notice', 'warning']),
      text: z.string(),
      lines: z.array(z.string()), // as they were written
    }),
  ),
  couldNotLook: z.array(couldNotLookSchema),
})

const rdbKind = z.enum(['string', 'list', 'set', 'zset', 'hash', 'stream', 'array', 'rate limit', 'module'])

/** `respite rdb FILE --json`. Names that are no UTF-8 stand as base64 instead. */
export const rdbSchema = z.strictObject({
  file: z.string(),
  bytes: z.number(), // of the plain bytes that were read
  flavour,
  rdbVersion: z.number(),
  serverVersion: z.string().optional(), // of who wrote it, when it says so
  checksum: z.enum(['ok', 'absent', 'bad']), // absent: the server was told to write none
  complete: z.boolean(), // false: something came that is not known here, and the analysis ends before it
  analysedBytes: z.number(),
  trailingBytes: z.number(), // behind the end of the RDB
  unknown: z.strictObject({ code: z.number(), offset: z.number() }).optional(), // the type or opcode that is not known
  keys: z.number(),
  expires: z.number(), // keys that expire
  libraries: z.number(), // of functions
  aux: z.record(z.string(), z.string()),
  databases: z.array(z.strictObject({ db: z.number(), keys: z.number(), expires: z.number() })),
  types: z.array(z.strictObject({ type: rdbKind, keys: z.number(), bytes: z.number() })),
  ttls: z.strictObject({
    // keys by when they expire, counted from the snapshot; each in the first that holds it
    expired: z.number(),
    hour: z.number(),
    day: z.number(),
    week: z.number(),
    month: z.number(),
    later: z.number(),
  }),
  namespaces: z.array(
    z.strictObject({
      name: z.string().optional(), // '' without a separator; '(other)': all past ten thousand
      nameBase64: z.string().optional(),
      keys: z.number(),
      bytes: z.number(),
      withTtl: z.number(),
      types: z.partialRecord(rdbKind, z.number()),
    }),
  ),
  biggest: z.array(
    z.strictObject({
      db: z.number(),
      key: z.string().optional(),
      keyBase64: z.string().optional(),
      type: rdbKind,
      bytes: z.number(), // key and value as they stand in the file
      elements: z.number().optional(), // of a string its bytes; absent: the value does not say
    }),
  ),
  notDecoded: z.array(z.strictObject({ type: z.number(), name: z.string(), keys: z.number() })), // values of modules
})

export type AnswerDocument = z.infer<typeof answerSchema>
export type FleetServerDocument = z.infer<typeof fleetServerSchema>
export type FleetDocument = z.infer<typeof fleetSchema>
export type FleetChangedDocument = z.infer<typeof fleetChangedSchema>
export type SlowLogDocument = z.infer<typeof slowLogSchema>
export type DoctorDocument = z.infer<typeof doctorSchema>
export type AlertListDocument = z.infer<typeof alertListSchema>
export type AcknowledgedDocument = z.infer<typeof acknowledgedSchema>
export type NotifyTestedDocument = z.infer<typeof notifyTestedSchema>
export type TokenDocument = z.infer<typeof tokenSchema>
export type RulesCheckedDocument = z.infer<typeof rulesCheckedSchema>
export type RulesTestedDocument = z.infer<typeof rulesTestedSchema>
export type LogsDocument = z.infer<typeof logsSchema>
export type RdbDocument = z.infer<typeof rdbSchema>
