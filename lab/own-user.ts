// A user for the servers of one scene: limits on processes count all of a user's, and two scenes may run side by side.

const FIRST = 60_000_000 // far from every user that a machine has
const MANY = 1_000_000

/** The same within this process. It needs no entry in /etc/passwd; only root may become it. */
export function ownUser(): number {
  return FIRST + (process.pid % MANY)
}
