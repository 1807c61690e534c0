import { oddity } from '../healthy.ts'

// Somebody looked around by hand once: it is in the slow log, and it is over.
export default oddity({
  says: 'An administrator ran one slow command some time ago.',
  async prepare({ primary }) {
    await primary.cli('DEBUG', 'SLEEP', '0.05')
    await primary.cli('KEYS', 'user:1*')
  },
})
