// Waiting until a new client meets what a fault is meant to bring about.

import { knock } from '../src/redis/door.ts'
import type { AnswerId } from '../src/redis/answers.ts'
import type { Access, Address } from '../src/redis/url.ts'
import { until } from './until.ts'

/** A server, or any other address with the login to use there. */
interface Door {
  readonly address: Address
  readonly access: Access
}

/** Knocks until the answer is this one. */
export async function untilMet(answer: AnswerId, { address, access }: Door): Promise<void> {
  await until(`a new client meets ${answer}`, async () => {
    const { id } = await knock({ address, access, connectTimeoutMs: 500, replyTimeoutMs: 500 })
    return id === answer
  })
}
