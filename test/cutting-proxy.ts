// A wire between a link and a server that can be cut: after so many bytes from the server, or at once. Loopback only.

import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

export interface CuttingProxy {
  readonly port: number
  readonly cuts: number // so far
  targetPort: number // where the next connection leads
  /** The next connection, or the one that stands, is cut behind so many further bytes from the server. */
  cutAfter(bytes: number | undefined): void
  cutNow(): void
}

export async function startCuttingProxy(t: TestContext, targetPort: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>()
  let left: number | undefined
  const proxy = {
    port: 0,
    cuts: 0,
    targetPort,
    cutAfter: (bytes: number | undefined): void => void (left = bytes),
    cutNow(): void {
      if (sockets.size > 0) proxy.cuts += 1
      left = undefined
      for (const socket of sockets) socket.destroy()
    },
  }
  const join = (client: Socket): void => {
    const server = connect(proxy.targetPort, '127.0.0.1')
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    client.pipe(server)
    server.on('data', (bytes: Buffer) => {
      const passed = left === undefined ? bytes : bytes.subarray(0, left)
      if (left !== undefined) left -= passed.length
      if (!client.write(passed)) {
        server.pause()
        client.once('drain', () => server.resume())
      }
      if (left === 0) client.end(() => proxy.cutNow())
    })
  }
  const listener = createServer(join)
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  proxy.port = (listener.address() as AddressInfo).port
  t.after(() => {
    listener.close()
    for (const socket of sockets) socket.destroy()
  })
  return proxy
}
