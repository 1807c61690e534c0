// The fleet as programs read it: what the fleet knows, with the words of every answer beside its id.

import type { Fleet, ServerView } from '../fleet/server.ts'
import { present } from '../lib/present.ts'
import { ANSWERS, type Answer } from '../redis/answers.ts'
import { showAddress } from '../redis/url.ts'
import type { AnswerDocument, FleetDocument, FleetServerDocument } from './contract.ts'

export function fleetDocument(fleet: Pick<Fleet, 'deployments'>): FleetDocument {
  return {
    deployments: fleet.deployments().map(({ name, kind, servers, missing, problems, couldNotLook }) => ({
      name,
      kind,
      servers: servers.map(serverDocument),
      missing: [...missing],
      problems: [...problems],
      couldNotLook: [...couldNotLook],
    })),
  }
}

function serverDocument(view: ServerView): FleetServerDocument {
  const { id, address, role, standing, answer, since, reserved, couldNotLook } = view
  const { version, flavour, runId, primary, linkUp, shard, lagSeconds } = view
  return {
    id,
    address: showAddress(address),
    role,
    standing,
    answer: answerDocument(answer, since),
    reserved,
    ...present({ version, flavour, runId, primary, linkUp, shard, lagSeconds }),
    couldNotLook: [...couldNotLook],
  }
}

/** One answer with its words; `since` is epoch milliseconds. */
export function answerDocument(answer: Answer, since: number): AnswerDocument {
  const { says, means, first, severity } = ANSWERS[answer.id]
  const { id, text, connectMs, replyMs } = answer
  const at = new Date(answer.at).toISOString()
  return {
    id,
    says,
    means,
    first,
    severity,
    at,
    since: new Date(since).toISOString(),
    ...present({ text, connectMs, replyMs }),
  }
}
