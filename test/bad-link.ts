// A line to a store that can be made bad: it answers in the place of the store, loses answers, breaks off in the middle
// of them, says nothing at all, or is slow. What passes is passed on as it is, signatures and all.

import { once } from 'node:events'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Trouble {
  readonly status?: number // this answer, and the store hears nothing
  readonly body?: string
  readonly silent?: boolean // no answer, and the store hears nothing
  readonly loseAnswer?: boolean // the store does it, and nobody is told
  readonly cutAfterBytes?: number // of the body of the answer; then the connection is reset
  readonly stallAfterBytes?: number // of the body of the answer; then nothing more comes
  readonly bytesPerMs?: number // in both directions
}

export interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
}

export interface BadLink {
  readonly url: string // without a path
  readonly asked: Asked[]
  readonly underWay: number // requests that have no whole answer yet
  /** What happens to a request; `number` counts from 1 since the last change of `trouble`. */
  trouble: (asked: Asked, number: number) => Trouble | undefined
}

const NONE = (): undefined => undefined

/** A way to the store at `http://host:port`, all well at first. Ends with its test, or whoever calls what it leaves for after. */
export async function startBadLink(t: { after(done: () => void): void }, store: string): Promise<BadLink> {
  let trouble: BadLink['trouble'] = NONE
  let since = 0
  let underWay = 0
  const asked: Asked[] = []
  const link = {
    url: '',
    asked,
    get underWay() {
      return underWay
    },
    get trouble() {
      return trouble
    },
    set trouble(next) {
      trouble = next
      since = asked.length
    },
  }
  const server = createServer((incoming, response) => {
    const { method = '', url: path = '', headers } = incoming
    asked.push({ method, path, headers })
    const happens = trouble({ method, path, headers }, asked.length - since) ?? {}
    underWay += 1
    pass(store, happens, incoming, response)
      .catch(() => response.destroy())
      .finally(() => (underWay -= 1))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  link.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return link
}

async function pass(
  store: string,
  trouble: Trouble,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (trouble.silent === true) return void incoming.resume()
  if (trouble.status !== undefined) {
    incoming.resume()
    await once(incoming, 'end')
    response.writeHead(trouble.status, { 'content-type': 'application/xml' }).end(trouble.body ?? '')
    return
  }
  const onward = request(`${store}${incoming.url ?? ''}`, {
    method: incoming.method ?? 'GET',
    headers: incoming.headers,
  })
  const answered = once(onward, 'response') as Promise<[IncomingMessage]>
  answered.catch(() => undefined) // awaited below
  await copy(incoming, onward, trouble.bytesPerMs)
  onward.end()
  const [answer] = await answered
  if (trouble.loseAnswer === true) {
    for await (const _chunk of answer);
    incoming.socket.resetAndDestroy()
    return
  }
  response.writeHead(answer.statusCode ?? 500, answer.headers)
  const limit = trouble.cutAfterBytes ?? trouble.stallAfterBytes
  const isWhole = await copy(answer, response, trouble.bytesPerMs, limit)
  if (isWhole) response.end()
  else if (trouble.cutAfterBytes !== undefined) incoming.socket.resetAndDestroy()
}

/** False when the limit was met. */
async function copy(
  from: AsyncIterable<Uint8Array>,
  to: { write(chunk: Uint8Array, done: () => void): boolean },
  bytesPerMs = Infinity,
  limit = Infinity,
): Promise<boolean> {
  let passed = 0
  for await (const chunk of from) {
    const part = chunk.subarray(0, Math.min(chunk.length, limit - passed))
    passed += part.length
    await new Promise<void>((resolve) => to.write(part, resolve))
    if (bytesPerMs !== Infinity) await sleep(part.length / bytesPerMs)
    if (passed >= limit) return false
  }
  return true
}
