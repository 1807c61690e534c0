// A stranger on loopback that notifiers speak to: it keeps every request and answers as the test says, or never.

import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

export interface Request {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Listener {
  readonly url: string
  readonly requests: Request[]
  answer: (response: ServerResponse, request: Request) => void
}

/** Answers 200 until told otherwise; ends with its test. */
export async function startListener(t: TestContext): Promise<Listener> {
  const listener = {
    url: '',
    requests: [] as Request[],
    answer: (response: ServerResponse): void => void response.end('ok'),
  }
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const { method = '', url = '', headers } = incoming
      const request = { method, path: url, headers, body: Buffer.concat(chunks).toString() }
      listener.requests.push(request)
      ;(listener as Listener).answer(response, request)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  listener.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/services/geheim`
  return listener
}
