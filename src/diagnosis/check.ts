// A check asks one question of the evidence and answers with what it found, or with nothing. It is a pure function: it
// never speaks to a server, never looks at the clock, and given the same evidence says the same. Its file name in checks/
// is its id everywhere. It names what follows from what it found, so that the root cause can be told from its symptoms.

import type { ActionId } from './action-ids.ts'
import type { Evidence, ServerEvidence } from './evidence.ts'

export type Severity = 'info' | 'warning' | 'critical'

/** `fault`: something is broken now. `risk`: nothing is yet, and something will be. `advice`: it could be better. */
export type Kind = 'fault' | 'risk' | 'advice'

/** One thing that was seen, as a person could look it up. */
export interface Fact {
  readonly source: string // "INFO persistence", "log", "/proc/4711/stat"
  readonly name: string // "rdb_last_bgsave_status"
  readonly value: string // "err"; with its unit
}

/** A look-alike that it is not, and what shows that. */
export interface RuledOut {
  readonly check: string
  readonly by: string
}

export interface Found {
  readonly kind: Kind
  readonly severity: Severity
  readonly server?: string // whom it is about; the server that was looked at when absent
  readonly says: string // one sentence in plain words, with numbers and their units
  readonly first?: string // what a person does about it first, where that is nothing that an action of ours does
  readonly evidence: readonly Fact[] // what proves it; never empty
  readonly ruledOut?: readonly RuledOut[]
  readonly alerts?: readonly string[] // alerts that follow from it
  readonly brings?: readonly Consequence[] // findings of other checks that follow from it
  readonly actions?: readonly { readonly id: ActionId; readonly why: string }[]
}

/** The id of a check whose finding follows, on the same server, or on those named. `its followers`: itself and who gets its data. */
export type Consequence =
  string | { readonly check: string; readonly on: 'every server' | 'its followers' | readonly string[] }

/** It is one of these, and what was seen does not tell which. */
export interface Undecided {
  readonly between: readonly string[] // ids of checks
  readonly server?: string
  readonly says: string
  readonly wouldTell: string // the one thing to look at, as a command where there is one
}

export type Answered = Found | Undecided | undefined

interface Question {
  readonly asks: string // the question, for a person: "Is the disk too full for the next snapshot?"
}

/** Asked of each server by itself. */
export interface ServerCheck extends Question {
  look(server: ServerEvidence, evidence: Evidence): Answered
}

/** Asked once, of all servers together. */
export interface DeploymentCheck extends Question {
  lookAtAll(evidence: Evidence): readonly (Found | Undecided)[]
}

export type Check = ServerCheck | DeploymentCheck

export function isCheck(value: unknown): value is Check {
  const unit = value as Partial<ServerCheck & DeploymentCheck> | undefined
  return typeof unit?.asks === 'string' && (typeof unit.look === 'function') !== (typeof unit.lookAtAll === 'function')
}
