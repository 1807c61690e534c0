// What one look saw, as a file: `doctor --save` writes it, `doctor --from` judges it anywhere, without the server. It holds
// no secrets: they were taken out where they were read.

import { readFile, writeFile } from 'node:fs/promises'
import { Fault, reasonOf } from '../lib/fault.ts'
import type { Sighting } from './examine.ts'

const FORMAT = 1

/** Writes the file, for its owner alone: it names addresses, clients and keys. Throws a Fault. */
export async function saveSighting(path: string, sighting: Sighting): Promise<void> {
  try {
    await writeFile(path, `${JSON.stringify({ respiteEvidence: FORMAT, ...sighting }, undefined, 1)}\n`, {
      mode: 0o600,
    })
  } catch (error) {
    throw new Fault({ doing: 'saving the evidence to', target: path, why: reasonOf(error), cause: error })
  }
}

/** Throws a Fault for a file that is none of ours. */
export async function readSighting(path: string): Promise<Sighting> {
  const wrong = (why: string): Fault =>
    new Fault({ doing: 'reading the evidence of', target: path, why, hint: 'Give a file that doctor --save wrote.' })
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw wrong(reasonOf(error))
  })
  const saved = parsed(text) as (Partial<Sighting> & { respiteEvidence?: unknown }) | undefined
  if (saved?.respiteEvidence === undefined) throw wrong('it is no evidence of Respite')
  if (saved.respiteEvidence !== FORMAT || saved.evidence?.version !== 1)
    throw wrong('it was written by another version of Respite, in a form that this one does not know')
  return saved as Sighting
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined // it is not even JSON
  }
}
