// What the value of a key is when it is decoded: plain lists of plain bytes, whatever the encoding was that it was found in.

/** Both halves of a stream's id are 64 bits wide. */
export interface StreamId {
  readonly ms: bigint
  readonly sequence: bigint
}

export interface HashField {
  readonly field: Buffer
  readonly value: Buffer
  readonly expiresAtMs: number | undefined // since 1970; undefined: the field does not expire
}

export interface ScoredMember {
  readonly member: Buffer
  readonly score: number
}

export interface StreamEntry {
  readonly id: StreamId
  readonly fields: readonly (readonly [field: Buffer, value: Buffer])[]
}

/** Delivered to a consumer and not acknowledged. */
export interface PendingEntry {
  readonly id: StreamId
  readonly deliveredAtMs: number
  readonly deliveries: number
}

export interface StreamConsumer {
  readonly name: Buffer
  readonly seenAtMs: number
  readonly activeAtMs: number | undefined // since 7.2; -1: never
  readonly pending: readonly StreamId[]
}

export interface StreamGroup {
  readonly name: Buffer
  readonly lastId: StreamId
  readonly entriesRead: bigint | undefined // since 7.0; 2^64 - 1: not known
  readonly pending: readonly PendingEntry[]
  readonly consumers: readonly StreamConsumer[]
  readonly rejected: readonly StreamId[] // pending entries that were given back (XNACK, 8.8)
}

export interface StreamProducer {
  readonly name: Buffer
  readonly messages: readonly { readonly id: Buffer; readonly entry: StreamId }[]
}

export interface StreamValue {
  readonly kind: 'stream'
  readonly entries: readonly StreamEntry[]
  readonly length: number // as the server counted it
  readonly lastId: StreamId
  readonly counters:
    // since 7.0
    { readonly firstId: StreamId; readonly maxDeletedId: StreamId; readonly entriesAdded: bigint } | undefined
  readonly groups: readonly StreamGroup[]
  readonly idempotence:
    // since 8.6
    | {
        readonly durationSeconds: number
        readonly mostEntries: number
        readonly producers: readonly StreamProducer[]
        readonly added: bigint
        readonly duplicates: bigint
      }
    | undefined
}

export type RdbValue =
  | { readonly kind: 'string'; readonly value: Buffer }
  | { readonly kind: 'list'; readonly elements: readonly Buffer[] }
  | { readonly kind: 'set'; readonly members: readonly Buffer[] }
  | { readonly kind: 'zset'; readonly members: readonly ScoredMember[] }
  | { readonly kind: 'hash'; readonly fields: readonly HashField[] }
  | StreamValue
  | {
      readonly kind: 'array' // sparse: what is not here is empty
      readonly elements: readonly { readonly index: bigint; readonly value: Buffer }[]
      readonly insertAt: bigint | undefined
    }
  | { readonly kind: 'rate limit'; readonly arrivalUs: bigint } // theoretical arrival time of GCRA

/** `1700000000000-0`, as Redis writes it. */
export function streamIdText({ ms, sequence }: StreamId): string {
  return `${ms}-${sequence}`
}
