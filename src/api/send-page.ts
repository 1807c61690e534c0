// Sends a page of metrics piece by piece: no more of it is put together than its reader takes.

import type { ServerResponse } from 'node:http'
import { EXPOSITION_CONTENT_TYPE, type LentPage } from '../metrics/exposition.ts'

const HEADERS = ['content-type', EXPOSITION_CONTENT_TYPE, 'x-content-type-options', 'nosniff']

/** Resolves when all of the page was handed over, or its reader has gone. */
export async function sendPage({ pieces, release }: LentPage, to: ServerResponse): Promise<void> {
  to.once('close', release)
  let piece = pieces.next()
  to.writeHead(200, piece.done === true ? [...HEADERS, 'content-length', `${piece.value.length}`] : HEADERS)
  for (; piece.done !== true; piece = pieces.next()) if (!(await isWritten(to, piece.value))) return
  to.end(piece.value)
}

function isWritten(to: ServerResponse, bytes: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    to.write(bytes, (error) => resolve(error === null || error === undefined))
  })
}
