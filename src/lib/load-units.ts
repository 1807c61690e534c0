// A unit folder holds one thing per file, and the file's name is its id everywhere. There is no list to edit: the
// folder is scanned. A file whose default export does not have the unit's shape stops the start with its name.

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Fault } from './fault.ts'

/**
 * All units of a folder by id, in the order of their ids. Tests (`*.test.ts`) are not units. `only`: when there is a
 * unit of this id, no other file is read.
 */
export async function loadUnits<T>(
  folder: string,
  isUnit: (value: unknown) => value is T,
  only?: string,
): Promise<Map<string, T>> {
  const units = new Map<string, T>()
  const files = (await readdir(folder)).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts')).toSorted()
  const wanted = files.filter((file) => file === `${only}.ts`)
  for (const file of wanted.length > 0 ? wanted : files) {
    const path = join(folder, file)
    const module = (await import(pathToFileURL(path).href)) as { default?: unknown }
    if (!isUnit(module.default))
      throw new Fault({
        doing: 'loading the unit',
        target: path,
        why: 'its default export does not have the shape of a unit of this folder',
        hint: 'compare it with the other files of the folder',
      })
    units.set(file.slice(0, -'.ts'.length), module.default)
  }
  return units
}
