// The server's certificate is over, or will be in some days.

import { makeCertificates, signAnother, type KeyPair } from '../certificates.ts'
import { makeFolder } from '../children.ts'
import type { LabFault, Variant } from '../fault.ts'
import { startStage } from '../stage.ts'

const variants: readonly Variant[] = [
  { name: 'yesterday', keys: 1_000, set: { days: -1, clients: 'yes' } },
  { name: 'yesterday, with a password', keys: 20_000, password: true, set: { days: -1, clients: 'no' } },
  { name: 'in five days', keys: 5_000, set: { days: 5, clients: 'optional' } },
]

export default {
  says: 'The certificate of the server expires, and it goes on serving it.',
  needs: ['openssl'],
  variants,

  async build(variant, random) {
    const folder = makeFolder('tls')
    const certificates = await makeCertificates(folder)
    const { days, clients } = variant.set ?? {}
    const tls = { certificates, clients: clients === 'no' ? 'no' : clients === 'yes' ? 'yes' : 'optional' } as const
    const stage = await startStage(variant, random, { tls })
    const { primary } = stage
    const load = ({ certFile, keyFile }: KeyPair): Promise<string> =>
      primary.cli('CONFIG', 'SET', 'tls-cert-file', certFile, 'tls-key-file', keyFile)
    return {
      ...stage,
      expects: { server: primary.id, kind: Number(days) > 0 ? 'risk' : 'fault' },
      inject: async () =>
        void (await load(Number(days) > 0 ? await signAnother(folder, Number(days)) : certificates.expired)),
    }
  },
} satisfies LabFault
