// The flags of commands that read or write an archive, apart from what carries them out: a command that only may meet an
// archive is not to wait for all of that.

export const CREDENTIALS_FLAG = {
  '--credentials-file <file>': 'login of the store, instead of what its own tools use (docs/storage.md)',
} as const satisfies Record<string, string>

export const ARCHIVE_FLAGS = {
  '--deployment <name>': 'only this one of the store',
  ...CREDENTIALS_FLAG,
  '--json': 'one JSON document',
} as const satisfies Record<string, string>

export const IDENTITY_FLAG = {
  '--identity <file>': 'the age private key, for an archive that is encrypted',
} as const satisfies Record<string, string>
