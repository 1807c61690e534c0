// Who may change something over TCP, where no login exists yet: whoever can read a file that only the owner of the data
// folder can, which is who can open its socket too. The file is there only once somebody asked for it (`respite alerts
// token`), and removing it takes the right away again. It is for programs that speak only TCP, such as amtool.

import { randomBytes, timingSafeEqual } from 'node:crypto'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault, reasonOf } from '../lib/fault.ts'

export interface WriteToken {
  /** Does the request's `authorization` header hold the token, as bearer or as the password of a basic login? */
  allows(authorization: string | undefined): boolean
  /** Makes the token, or leaves the one there is; and a file for amtool's --http.config.file. Throws a Fault. */
  make(): { readonly tokenFile: string; readonly amtoolFile: string }
}

export function writeTokenIn(dataDir: string): WriteToken {
  const tokenFile = join(dataDir, 'write-token')
  const amtoolFile = join(dataDir, 'amtool-http.yml')
  return {
    allows(authorization) {
      const wanted = readToken(tokenFile) // each time: a changed file counts at once
      const given = tokenOf(authorization)
      if (wanted === undefined || given === undefined || given.length !== wanted.length) return false
      return timingSafeEqual(Buffer.from(given), Buffer.from(wanted))
    },
    make() {
      try {
        if (readToken(tokenFile) === undefined) write(tokenFile, `${randomBytes(32).toString('base64url')}\n`)
        write(amtoolFile, `authorization:\n  type: Bearer\n  credentials_file: ${JSON.stringify(tokenFile)}\n`)
        return { tokenFile, amtoolFile }
      } catch (cause) {
        const hint = 'The user that runs Respite must be able to write to the folder of --data.'
        throw new Fault({ doing: 'writing the token', target: tokenFile, why: reasonOf(cause), hint, cause })
      }
    },
  }
}

function readToken(file: string): string | undefined {
  try {
    const token = readFileSync(file, 'latin1').trim()
    return token === '' ? undefined : token
  } catch {
    return undefined // none was made, or it was taken away
  }
}

function write(file: string, text: string): void {
  writeFileSync(file, text, { mode: 0o600 })
  chmodSync(file, 0o600) // it may have been there before
}

function tokenOf(authorization = ''): string | undefined {
  const [, scheme = '', credentials = ''] = /^(\w+)\s+(\S+)$/.exec(authorization.trim()) ?? []
  if (scheme.toLowerCase() === 'bearer') return Buffer.from(credentials).toString('latin1')
  if (scheme.toLowerCase() !== 'basic') return undefined
  return Buffer.from(credentials, 'base64').toString('latin1').split(':').slice(1).join(':')
}
