// Writes docs/respite.schema.json, which editors read to complete and check a configuration. Run it after a change of
// src/config-schema.ts; a test fails until then.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { configJsonSchema } from '../src/config-schema.ts'

const file = join(import.meta.dirname, '..', 'docs', 'respite.schema.json')
const options = { ...(await resolveConfig(file)), parser: 'json' }
writeFileSync(file, await format(JSON.stringify(configJsonSchema()), options))
