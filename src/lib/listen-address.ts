// Where we listen for HTTP: `127.0.0.1:7379`, `[::1]:7379`, `localhost:0` (port 0 picks a free one), `:9121` for all
// interfaces.

import { isIPv4 } from 'node:net'

export interface ListenAddress {
  readonly host: string // '' for all interfaces
  readonly port: number
}

/** The address, or undefined when the text is none. */
export function parseListen(text: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:[\]/]*)):(\d{1,5})$/i.exec(text.trim())
  if (match === null || Number(match[3]) > 65_535) return undefined
  return { host: match[1] ?? match[2] ?? '', port: Number(match[3]) }
}

export function showListen({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Can only this machine reach it? */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}
