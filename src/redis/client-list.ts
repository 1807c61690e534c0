// CLIENT LIST: one line for each connection, `id=3 addr=127.0.0.1:52555 name= age=8 … cmd=blpop user=default`.

export type ClientLine = Readonly<Record<string, string>>

/** The fields of each client. A name cannot hold a space, so every field ends at one. */
export function parseClientList(text: string): ClientLine[] {
  const clients: ClientLine[] = []
  for (const line of text.split('\n')) {
    const fields: Record<string, string> = {}
    for (const part of line.trimEnd().split(' ')) {
      const equals = part.indexOf('=')
      if (equals > 0) fields[part.slice(0, equals)] = part.slice(equals + 1)
    }
    if (fields['id'] !== undefined) clients.push(fields)
  }
  return clients
}
