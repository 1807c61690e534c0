// What a container says of itself: whether it is there, what time it has, and whether its blobs can be changed.

import type { ContainerClient } from '@azure/storage-blob'
import { Fault } from '../../lib/fault.ts'
import { explainAzureError } from './azure-errors.ts'
import type { Looked } from './storage-unit.ts'

/** Throws when there is no such container, or when its account does not list in order. */
export async function lookAtContainer(container: ContainerClient, abortSignal: AbortSignal): Promise<Looked> {
  const found = await container.getProperties({ abortSignal })
  const isHeld = found.hasImmutabilityPolicy === true || found.isImmutableStorageWithVersioningEnabled === true
  const couldNotLook = [
    {
      at: 'versioning of the account',
      why: 'only the management API of Azure tells it',
      hint: 'az storage account blob-service-properties show --account-name ACCOUNT',
    },
  ]
  try {
    const { isHierarchicalNamespaceEnabled } = await container.getAccountInfo({ abortSignal })
    if (isHierarchicalNamespaceEnabled === true) throw hierarchical(container)
  } catch (error) {
    if (error instanceof Fault) throw error
    const { kind, why } = explainAzureError(error)
    if (kind === 'again' || kind === 'later') throw error
    couldNotLook.push({ at: 'kind of the account', why, hint: 'It must be one without a hierarchical namespace.' })
  }
  return {
    storeMs: found.date === undefined ? undefined : found.date.getTime() + 500, // it counts whole seconds
    freeBytes: undefined,
    versioning: undefined,
    objectLock: isHeld ? 'immutability policy' : found.hasLegalHold === true ? 'legal hold' : 'off',
    warnings: [],
    couldNotLook,
  }
}

function hierarchical({ accountName, containerName }: ContainerClient): Fault {
  return new Fault({
    doing: 'looking at',
    target: `azblob://${accountName}/${containerName}`,
    why: 'the account has a hierarchical namespace, and does not list its blobs in the order of their names',
    hint: 'Use an account without one (Data Lake Storage Gen2 switched off).',
    retryable: false,
  })
}
