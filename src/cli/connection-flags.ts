// The flags of every command that takes a URL: how to log in. There is no flag for a password itself, because the
// arguments of a process can be read by everybody on its machine.

export const CONNECTION_FLAGS = {
  '--user <name>': 'ACL user to log in as',
  '--password-file <file>': 'file that holds the password (or set RESPITE_PASSWORD)',
  '--ca <file>': 'certificate of the CA that signed the server’s certificate; turns TLS on',
  '--cert <file>': 'client certificate',
  '--key <file>': 'key of the client certificate',
  '--server-name <name>': 'name that the server’s certificate carries, when it is not the host',
} as const satisfies Record<string, string>
