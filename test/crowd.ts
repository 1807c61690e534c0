// Clients that fill a server: they come in and stay, and whoever is turned away tries again, so that a place that
// becomes free is taken at once.

import { connect, type Socket } from 'node:net'

const AGAIN_MS = 20

/** More clients than the server has room for; call what it returns to let them go. */
export function crowdAt(port: number, clients = 12): () => void {
  const inside = new Set<Socket>()
  let left = false
  const join = (): void => {
    if (left) return
    const socket = connect(port, '127.0.0.1').on('error', () => undefined)
    inside.add(socket)
    socket.resume().on('close', () => {
      inside.delete(socket)
      if (!left) setTimeout(join, AGAIN_MS)
    })
  }
  for (let at = 0; at < clients; at += 1) join()
  return () => {
    left = true
    for (const socket of inside) socket.destroy()
  }
}
