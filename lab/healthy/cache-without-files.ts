import { oddity } from '../healthy.ts'

export default oddity({
  says: 'A cache keeps nothing in files, as it was configured.',
  dataClass: 'cache',
  conf: ['save ""'],
  unsaved: true,
})
