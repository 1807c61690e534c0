// A client as faults need them: it pipelines without waiting, can stop reading while the server goes on answering, and can
// send half a command. Its login is part of what it sends first.

import { connect, type Socket } from 'node:net'
import type { Server } from './servers.ts'

export interface RawClient {
  /** Sends a command and does not wait for its reply, which is thrown away. */
  send(...words: string[]): void
  /** Sends these bytes as they are. */
  write(bytes: string | Buffer): void
  /** From now on what comes stays in the server, once the kernel's buffers are full. */
  stopReading(): void
  close(): void
}

export async function connectRaw(server: Server): Promise<RawClient> {
  const socket = await open(server)
  socket.resume()
  const client: RawClient = {
    send: (...words) => write(socket, wire(words)),
    write: (bytes) => write(socket, bytes),
    stopReading: () => void socket.pause(),
    close: () => void socket.destroy(),
  }
  if (server.access.password !== undefined) client.send('AUTH', server.access.password)
  return client
}

/** Sends what `make` makes, again and again, until it is stopped. */
export function keepSending(
  client: RawClient,
  everyMs: number,
  make: () => readonly (readonly string[])[],
): () => void {
  const timer = setInterval(() => client.write(make().map(wire).join('')), everyMs)
  return () => {
    clearInterval(timer)
    client.close()
  }
}

async function open(server: Server): Promise<Socket> {
  const socket = connect(server.port, server.address.host)
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  return socket.on('error', () => undefined) // the server closes such clients: that is what is being looked at
}

function write(socket: Socket, bytes: string | Buffer): void {
  if (!socket.destroyed) socket.write(bytes)
}

/** A command as it stands on the wire. */
function wire(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`
}
