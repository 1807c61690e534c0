// The part of the contract that speaks of causes: findings, incidents, what is known of servers that no longer answer.
// Everybody imports it from contract.ts, which says what holds for all documents.

import { z } from 'zod'

export const severity = z.enum(['info', 'warning', 'critical'])

export const couldNotLookSchema = z.strictObject({
  at: z.string(), // "LATENCY HISTOGRAM", "log": where we wanted to look
  why: z.string(),
  hint: z.string(),
})

export const findingSchema = z.strictObject({
  check: z.string(),
  kind: z.enum(['fault', 'risk', 'advice']),
  severity,
  server: z.string(),
  says: z.string(), // one sentence
  first: z.string().optional(), // what a person does about it first, where no action does it
  evidence: z.array(z.strictObject({ source: z.string(), name: z.string(), value: z.string() })),
  ruledOut: z.array(z.strictObject({ check: z.string(), by: z.string() })),
  explains: z.array(z.string()), // names of alerts, and ids of checks whose findings follow
  root: z.boolean(), // no other finding explains it
  actions: z.array(
    z.strictObject({ id: z.string(), why: z.string(), risk: z.enum(['none', 'low', 'medium', 'high']) }),
  ),
})

/** It is one of these, and what was seen does not tell which. */
export const undecidedSchema = z.strictObject({
  between: z.array(z.string()), // ids of checks
  server: z.string().optional(),
  says: z.string(),
  wouldTell: z.string(), // the one thing to look at
})

const happeningSchema = z.strictObject({
  at: z.iso.datetime(), // when it was noticed
  kind: z.enum(['alert', 'finding', 'answer', 'restart', 'failover', 'configuration', 'save', 'backup']),
  server: z.string().optional(),
  says: z.string(),
})

export const incidentSchema = z.strictObject({
  id: z.string(), // what `respite incident` takes
  deployment: z.string(),
  opened: z.iso.datetime(),
  closed: z.iso.datetime().optional(), // absent: it is open
  cause: z.string().optional(), // "process-stopped on 10.0.0.5:6379"; absent: not known
  alerts: z.array(
    z.strictObject({
      id: z.string(), // as in alert-list
      name: z.string(),
      severity: z.string(),
      server: z.string().optional(),
      summary: z.string(),
      state: z.enum(['pending', 'firing', 'resolved']),
      since: z.iso.datetime(),
      resolved: z.iso.datetime().optional(),
    }),
  ),
  findings: z.array(findingSchema),
  undecided: z.array(undecidedSchema),
  atRisk: z.array(z.string()),
  timeline: z.array(happeningSchema), // oldest first
  couldNotLook: z.array(couldNotLookSchema),
})

/** `respite incident --json` and GET /api/v1/incidents: open ones first, then the newest. */
export const incidentListSchema = z.strictObject({ incidents: z.array(incidentSchema) })

/** GET /api/v1/findings: of the last look at each deployment. */
export const findingListSchema = z.strictObject({
  deployments: z.array(
    z.strictObject({
      name: z.string(),
      at: z.iso.datetime(),
      findings: z.array(findingSchema),
      undecided: z.array(undecidedSchema),
      couldNotLook: z.array(couldNotLookSchema),
    }),
  ),
})

/** GET /api/v1/memory?deployment=…, over the socket alone: what helps to look at servers that say nothing any more. */
export const memorySchema = z.strictObject({
  servers: z.array(
    z.strictObject({
      id: z.string(),
      address: z.string().optional(), // how it was reached
      pid: z.number().optional(),
      configFile: z.string().optional(),
      dataDir: z.string().optional(),
      logFile: z.string().optional(),
      outputs: z.array(z.string()).optional(), // files of standard output and error
      supervisor: z.string().optional(),
      role: z.enum(['primary', 'replica', 'sentinel', 'unknown']).optional(),
      replicas: z.array(z.string()).optional(), // ids
      at: z.number().optional(), // epoch ms, when it said so
      runId: z.string().optional(),
      keys: z.number().optional(),
    }),
  ),
  backups: z // absent: nothing is backed up
    .strictObject({
      lastBaseAt: z.number().optional(), // epoch ms
      verifiedAt: z.number().optional(), // epoch ms
      lagSeconds: z.number().optional(),
      notFollowed: z.string().optional(),
      trouble: z.array(z.string()),
    })
    .optional(),
  declared: z // by the configuration
    .strictObject({
      dataClass: z.enum(['store', 'cache']),
      rpoMs: z.number().optional(),
      expect: z.strictObject({ replicas: z.number().optional(), sentinels: z.number().optional() }),
      namespaces: z.array(z.strictObject({ name: z.string(), pattern: z.string(), loss: z.string().optional() })),
    })
    .optional(),
  history: z
    .strictObject({
      heldMs: z.number(),
      series: z.array(
        z.strictObject({
          name: z.string(),
          labels: z.record(z.string(), z.string()),
          points: z.array(z.tuple([z.number(), z.number()])), // epoch ms and value, oldest first
        }),
      ),
    })
    .optional(),
})

/** What would be lost now. A field that is absent was not seen, which is never the same as nothing. */
export const atRiskSchema = z.strictObject({
  servers: z.array(
    z.strictObject({
      server: z.string(),
      keysInMemoryAlone: z.number().optional(), // nothing is ever written
      unsavedChanges: z.number().optional(), // since the last snapshot, where no append-only file holds them
      unsavedSeconds: z.number().optional(), // the oldest of them is at most so old
      unwrittenBytes: z.number().optional(), // of an append-only file that cannot be written
      replica: z.string().optional(), // the one that has most; absent: there is none
      behindBytes: z.number().optional(), // of that one
      behindSeconds: z.number().optional(),
    }),
  ),
  backup: z // absent: none is known
    .strictObject({
      verifiedSeconds: z.number().optional(), // since the last base was read back
      baseSeconds: z.number().optional(),
      lagSeconds: z.number().optional(), // of the stream
    })
    .optional(),
  says: z.array(z.string()), // the same as sentences
})

export type AtRiskDocument = z.infer<typeof atRiskSchema>
export type IncidentDocument = z.infer<typeof incidentSchema>
export type IncidentListDocument = z.infer<typeof incidentListSchema>
export type FindingListDocument = z.infer<typeof findingListSchema>
export type MemoryDocument = z.infer<typeof memorySchema>
export type FindingDocument = z.infer<typeof findingSchema>
