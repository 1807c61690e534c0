// The part of the contract that speaks of archives: what lies in a store, what reading it back found, what retention takes,
// what a restore will do. Everybody imports it from contract.ts, which says what holds for all documents.

import { z } from 'zod'

export const deploymentKind = z.enum(['standalone', 'replicated', 'sentinel', 'cluster'])
export const flavour = z.enum(['redis', 'valkey'])

const timeRange = z.strictObject({ from: z.iso.datetime(), to: z.iso.datetime() })
const trouble = z.array(z.strictObject({ key: z.string(), why: z.string() })) // objects that cannot be used, and why

const gapSchema = z.strictObject({
  from: z.number(), // offsets
  to: z.number(),
  fromTime: z.iso.datetime().nullable(), // null: nobody knows
  toTime: z.iso.datetime().nullable(),
  why: z.string(),
  recorded: z.boolean(), // the archiver wrote it down
  lost: z.boolean(), // segments that were in the store are not any more
})

/** `respite backups --json`. */
export const backupsSchema = z.strictObject({
  store: z.string(),
  deployments: z.array(
    z.strictObject({
      name: z.string(),
      kind: deploymentKind.nullable(), // null: the archive's own document is damaged
      shards: z.array(
        z.strictObject({
          name: z.string(),
          slots: z.string().nullable(), // of a Cluster
          timelines: z.array(
            z.strictObject({
              id: z.string(),
              why: z.string().nullable(), // why it began
              parent: z.strictObject({ timeline: z.string(), offset: z.number().nullable() }).nullable(),
              bases: z.array(
                z.strictObject({
                  id: z.string(),
                  at: z.iso.datetime(),
                  offset: z.number().nullable(), // null: the method knows none, no stream can be replayed on it
                  bytes: z.number(), // of the RDB
                  storedBytes: z.number(), // compressed and encrypted
                  keys: z.number(),
                  expires: z.number(),
                  namespaces: z.array(
                    z.strictObject({ name: z.string(), keys: z.number(), bytes: z.number(), withTtl: z.number() }),
                  ),
                  method: z.enum(['psync', 'scan', 'bgsave', 'aof', 'archive']),
                  consistent: z.boolean(), // false: not of one moment
                  complete: z.boolean(), // false: a type in it is not known here, the counts end there
                  source: z.string(),
                  serverVersion: z.string().nullable(),
                  flavour,
                  verifiedAt: z.iso.datetime().nullable(), // read back and found good
                  provenAt: z.iso.datetime().nullable(), // restored and compared
                }),
              ),
              stream: z.array(
                z.strictObject({
                  fromOffset: z.number(),
                  toOffset: z.number(),
                  fromTime: z.iso.datetime(),
                  toTime: z.iso.datetime(),
                }),
              ),
              gaps: z.array(gapSchema),
            }),
          ),
        }),
      ),
      points: z.array(
        z.strictObject({
          name: z.string(),
          at: z.iso.datetime(),
          offset: z.number(), // of the shard that it was made for
          shards: z.array(z.strictObject({ shard: z.string(), timeline: z.string(), offset: z.number() })),
          command: z.string(),
          keysLost: z.number(),
        }),
      ),
      restorable: timeRange.nullable(), // null: nothing is
      objects: z.number(),
      storedBytes: z.number(),
      unfinished: z.array(z.string()), // objects of bases that were never finished
      trouble,
    }),
  ),
})

/** `respite verify --json`. */
export const verifySchema = z.strictObject({
  store: z.string(),
  objects: z.number(), // that were read
  bytes: z.number(), // as they lie in the store
  sample: z.number().nullable(), // percent of the objects, chosen by chance; null: all of them
  bad: trouble, // damaged, missing, or not what their names and manifests say
  notOpened: trouble, // as they were stored, and the identity that was given does not open them
  gaps: z.array(gapSchema.extend({ deployment: z.string(), shard: z.string(), timeline: z.string() })),
  unfinished: z.array(z.string()),
  bases: z.array(z.string()), // found good, whole
  notRecorded: z.string().nullable(), // why the store could not be told so
  proved: z.enum(['plaintext', 'ciphertext']), // ciphertext: of some object at least only that it is as it was stored
})

/** `respite prune --json`. */
export const pruneSchema = z.strictObject({
  store: z.string(),
  applied: z.boolean(), // false: only a plan
  keep: z.strictObject({
    hourly: z.number(),
    daily: z.number(),
    weekly: z.number(),
    monthly: z.number(),
    streamMs: z.number(),
  }),
  deployments: z.array(
    z.strictObject({
      name: z.string(),
      kept: z.array(z.strictObject({ base: z.string(), why: z.array(z.string()) })),
      removed: z.array(
        z.strictObject({
          what: z.enum(['base', 'segment', 'leftover', 'document']),
          key: z.string(),
          bytes: z.number(),
        }),
      ), // in this order; of a base first its manifest
      bytes: z.number(), // of all that is removed
      restorable: timeRange.nullable(), // afterwards
    }),
  ),
  refused: trouble, // by the store: an object lock, a right that is missing
})

const restoredShard = z.strictObject({
  shard: z.string(),
  timeline: z.string(),
  base: z.string(),
  baseAt: z.iso.datetime(),
  offset: z.number().nullable(), // that is restored; null: of a base that knows none
  at: z.iso.datetime(), // when its last write came
  segments: z.number(),
  streamBytes: z.number(), // that are replayed on the base
  bytes: z.number(), // on the disk
  keys: z.number(), // of the base
  folder: z.string(),
  start: z.string(), // the command that starts a server on it
})

/** `respite restore --to-dir --json`: the plan, and with --yes what became of it. */
export const restoreSchema = z.strictObject({
  store: z.string(),
  deployment: z.string(),
  format: z.enum(['rdb', 'aof', 'aof-single']),
  at: z.iso.datetime(), // of the oldest shard
  ageMs: z.number(), // how old the data is
  bytes: z.number(),
  shards: z.array(restoredShard),
  notes: z.array(z.string()), // what is not as one may expect, and what a server will need
  restored: z
    .strictObject({
      keys: z.number().nullable(), // null: nobody counted; the stream changes what the base has
      bytes: z.number(),
      skipped: z.number(),
      conflicts: z.number(),
      verified: z.boolean(), // every object that was read has the hash that it was stored with
    })
    .optional(),
})

export type BackupsDocument = z.infer<typeof backupsSchema>
export type VerifyDocument = z.infer<typeof verifySchema>
export type RestoreDocument = z.infer<typeof restoreSchema>
export type PruneDocument = z.infer<typeof pruneSchema>
